/** A DER element: its identifier octet, its whole encoding and its content. */
interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly encoded: Uint8Array;
}

const EXPLICIT_VERSION = 0xa0;
const UTF8_STRING = 0x0c;
const SET = 0x31;
const SEQUENCE = 0x30;

/** Decoders for the string types that OpenSSL normalises before it hashes a name. */
const STRING_DECODERS: Readonly<Record<number, (content: Uint8Array) => string>> = {
  [UTF8_STRING]: (content) => Buffer.from(content).toString("utf8"),
  19: (content) => Buffer.from(content).toString("latin1"), // PrintableString
  20: (content) => Buffer.from(content).toString("latin1"), // T61String
  22: (content) => Buffer.from(content).toString("latin1"), // IA5String
  26: (content) => Buffer.from(content).toString("latin1"), // VisibleString
  28: (content) => decodeCharacters(content, 4), // UniversalString
  30: (content) => decodeCharacters(content, 2), // BMPString
};

/**
 * The file name by which OpenSSL finds a certificate in a folder: eight hex digits (X509_NAME_hash).
 *
 * @throws {Error} if `der` is not a certificate
 */
export function x509SubjectHash(der: Uint8Array): string {
  const [certificate] = readElements(der);
  const [signed] = readElements(expect(certificate, SEQUENCE).content);
  const fields = readElements(expect(signed, SEQUENCE).content);
  // Version (optional), serial number, algorithm, issuer, validity, subject: RFC 5280, 4.1.
  const subject = fields[fields[0]?.tag === EXPLICIT_VERSION ? 5 : 4];
  const canonical = readElements(expect(subject, SEQUENCE).content).map(canonicalRdn);
  const digest = new Bun.CryptoHasher("sha1").update(Buffer.concat(canonical)).digest();
  return digest.readUInt32LE(0).toString(16).padStart(8, "0");
}

function canonicalRdn(rdn: DerElement): Uint8Array {
  const attributes = readElements(expect(rdn, SET).content).map((attribute) => {
    const [type, value] = readElements(expect(attribute, SEQUENCE).content);
    if (type === undefined || value === undefined) throw new Error("not a certificate: a name has no value");
    return encode(SEQUENCE, Buffer.concat([type.encoded, canonicalValue(value)]));
  });
  // A set is encoded in ascending order (X.690, 11.6); folding case may have changed the order.
  return encode(SET, Buffer.concat(attributes.toSorted(Buffer.compare)));
}

function canonicalValue(value: DerElement): Uint8Array {
  const decode = STRING_DECODERS[value.tag];
  if (decode === undefined) return value.encoded;
  const folded = decode(value.content)
    .replaceAll(/[\t\n\v\f\r ]+/g, " ")
    .replaceAll(/^ | $/g, "")
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return encode(UTF8_STRING, Buffer.from(folded, "utf8"));
}

function decodeCharacters(content: Uint8Array, width: 2 | 4): string {
  const bytes = Buffer.from(content);
  let text = "";
  for (let at = 0; at + width <= bytes.byteLength; at += width) {
    text += String.fromCodePoint(bytes.readUIntBE(at, width) & 0x1fffff);
  }
  return text;
}

function expect(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new Error("not a certificate: unexpected element");
  return element;
}

function readElements(bytes: Uint8Array): readonly DerElement[] {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    const { start, length } = readLength(bytes, at + 1);
    const end = start + length;
    if (end > bytes.byteLength) throw new Error("not a certificate: unexpected end");
    elements.push({
      tag: bytes[at] ?? 0,
      content: bytes.subarray(start, end),
      encoded: bytes.subarray(at, end),
    });
    at = end;
  }
  return elements;
}

function readLength(bytes: Uint8Array, at: number): { readonly start: number; readonly length: number } {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return { start: at + 1, length: first };
  const count = first & 0x7f;
  if (count === 0 || count > 4) throw new Error("not a certificate: length out of bounds");
  let length = 0;
  for (let index = 1; index <= count; index += 1) length = length * 256 + (bytes[at + index] ?? 0);
  return { start: at + 1 + count, length };
}

function encode(tag: number, content: Uint8Array): Buffer {
  const { length } = content;
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return Buffer.concat([Buffer.from(header), content]);
}
