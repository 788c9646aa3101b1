/** How many bytes from the begin of a file are searched for keys and certificates. */
export const SEARCHED_KEY_BYTES = 1 << 16;

// The marker alone occurs in programs and documents; with lines of Base64 below it, it is a key.
const PEM_KEY =
  /(?:^|\n)-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----\r?\n(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n|\r?\n){0,8}[A-Za-z0-9+/=]{16}/;
const PEM_PUBLIC =
  /(?:^|\n)-----BEGIN (?:(?:TRUSTED |X509 )?CERTIFICATE|(?:NEW )?CERTIFICATE REQUEST|(?:RSA )?PUBLIC KEY|DH PARAMETERS)-----\r?\n[A-Za-z0-9+/=]{16}/g;
const SSH_PUBLIC = /^(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]{1,60} AAAA[A-Za-z0-9+/=]{16}/;

/** Whether the begin of a file holds a private key in text form (PEM, OpenSSH or OpenPGP). */
export function holdsPrivateKey(begin: Uint8Array): boolean {
  return PEM_KEY.test(textOf(begin));
}

/** Whether the begin of a file holds one certificate, request, public key or set of parameters in text form; a list of several
 * is none. */
export function holdsPublicKey(begin: Uint8Array): boolean {
  const text = textOf(begin);
  return SSH_PUBLIC.test(text) || text.match(PEM_PUBLIC)?.length === 1;
}

function textOf(begin: Uint8Array): string {
  return Buffer.from(begin.subarray(0, SEARCHED_KEY_BYTES)).toString("latin1");
}
