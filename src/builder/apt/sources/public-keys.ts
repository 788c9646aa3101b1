/** The kinds of packets of a public key (RFC 9580, 5): keys, what is said of them, and fillers. */
const PUBLIC_TAGS: ReadonlySet<number> = new Set([2, 6, 10, 12, 13, 14, 17, 21]);
const PUBLIC_KEY = 6;
const ARMOR = /-----BEGIN PGP PUBLIC KEY BLOCK-----\n([\s\S]*?)-----END PGP PUBLIC KEY BLOCK-----/g;
const ARMOR_LINE = /.{1,64}/g;

/**
 * The OpenPGP public keys of a keyring, as it is or armored; `undefined` if it has none, or anything else: a secret key
 * must never get into an image.
 */
export function publicKeysIn(keyring: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(keyring).toString("latin1").replaceAll("\r\n", "\n");
  const isArmored = text.includes("-----BEGIN PGP");
  const blocks = [...text.matchAll(ARMOR)].map(([, block = ""]) => decodeBlock(block));
  const keys = isArmored ? Buffer.concat(blocks) : keyring;
  return !/-----BEGIN PGP PRIVATE/.test(text) && hasOnlyPublicKeys(keys) ? keys : undefined;
}

/** Keys as text, the same for the same bytes. */
export function armorKeys(keys: Uint8Array): string {
  const lines = Buffer.from(keys).toString("base64").match(ARMOR_LINE) ?? [];
  return ["-----BEGIN PGP PUBLIC KEY BLOCK-----", "", ...lines, "-----END PGP PUBLIC KEY BLOCK-----"].join(
    "\n",
  );
}

/** Between the headers and the checksum. */
function decodeBlock(block: string): Uint8Array {
  const lines = block.split("\n").map((line) => line.trim());
  const data = lines.filter((line) => !line.includes(":") && !line.startsWith("="));
  return Buffer.from(data.join(""), "base64");
}

function hasOnlyPublicKeys(keys: Uint8Array): boolean {
  let offset = 0;
  while (offset < keys.length) {
    const packet = packetAt(keys, offset);
    if (packet === undefined || !PUBLIC_TAGS.has(packet.tag)) return false;
    if (offset === 0 && packet.tag !== PUBLIC_KEY) return false;
    offset = packet.end;
  }
  return keys.length > 0 && offset === keys.length;
}

/** The packet that begins at `offset`; `undefined` if none does, or its length is not given at once, as keys have it. */
function packetAt(bytes: Uint8Array, offset: number): { tag: number; end: number } | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = view[offset] ?? 0;
  const [one = 0, two = 0] = view.subarray(offset + 1, offset + 3);
  const long = offset + 5 <= view.length ? view.readUInt32BE(offset + 1) : view.length;
  if ((first & 0xc0) === 0xc0) {
    const tag = first & 0x3f;
    if (one < 192) return { tag, end: offset + 2 + one };
    if (one < 224) return { tag, end: offset + 3 + ((one - 192) << 8) + two + 192 };
    return one === 255 ? newLong(view, tag, offset) : undefined;
  }
  if ((first & 0xc0) !== 0x80) return undefined;
  const tag = (first >> 2) & 0x0f;
  const ends = [offset + 2 + one, offset + 3 + (one << 8) + two, offset + 5 + long];
  const end = ends[first & 3];
  return end === undefined ? undefined : { tag, end };
}

function newLong(view: Buffer, tag: number, offset: number): { tag: number; end: number } | undefined {
  return offset + 6 <= view.length ? { tag, end: offset + 6 + view.readUInt32BE(offset + 2) } : undefined;
}
