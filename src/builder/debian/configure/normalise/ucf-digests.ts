/** Lists of ucf with the digests of what packages wrote, by which it knows files that somebody changed. */
const LISTS = /^var\/lib\/ucf\/hashfile(?:\.[0-9]+)?$/;

/** Has ucf know files with the content that is shipped. */
export class UcfDigests {
  /** MD5 digests of what is shipped, by those of what scripts left. */
  readonly #shipped = new Map<string, string>();

  /** Whether a path, without a leading slash, is one of ucf's lists. */
  static isList(path: string): boolean {
    return LISTS.test(path);
  }

  /** Notes that a file is shipped with another content than scripts left. */
  note(left: Uint8Array, shipped: Uint8Array): void {
    this.#shipped.set(md5Of(left), md5Of(shipped));
  }

  /** One of ucf's lists, with the digests of what is shipped. Call it after all files that it may name. */
  updated(list: Uint8Array): Uint8Array {
    const text = Buffer.from(list).toString("latin1");
    const made = text.replace(/^[0-9a-f]{32}/gm, (digest) => this.#shipped.get(digest) ?? digest);
    return Buffer.from(made, "latin1");
  }
}

/** The MD5 digest of bytes, in hexadecimal digits. */
export function md5Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("md5").update(bytes).digest("hex");
}
