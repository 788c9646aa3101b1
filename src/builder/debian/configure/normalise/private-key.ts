/** How many bytes from the begin of a file are searched for a private key. */
export const SEARCHED_KEY_BYTES = 1 << 16;

// The marker alone occurs in programs and documents; with lines of Base64 below it, it is a key.
const PEM_KEY =
  /(?:^|\n)-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----\r?\n(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n|\r?\n){0,8}[A-Za-z0-9+/=]{16}/;

/** Whether the begin of a file holds a private key in text form (PEM, OpenSSH or OpenPGP). */
export function holdsPrivateKey(begin: Uint8Array): boolean {
  const text = Buffer.from(begin.subarray(0, SEARCHED_KEY_BYTES)).toString("latin1");
  return PEM_KEY.test(text);
}
