const HEAD = framed("nix-archive-1");
const ENTRY = framed("entry", "(", "name");
const NODE = framed("node");
const DIRECTORY = framed("(", "type", "directory");
const REGULAR = framed("(", "type", "regular", "contents");
const EXECUTABLE = framed("(", "type", "regular", "executable", "", "contents");
const LINK = framed("(", "type", "symlink", "target");
const CLOSE = framed(")");

/**
 * The SHA-256 of a NAR, the serialisation by which a Nix store hashes its paths. Call the methods in the order of a
 * tree walk.
 *
 * A NAR contains directories, files with or without the executable bit, and links, but no owners or times. Each string
 * is preceded by its length, as 64 bits in little-endian order, and followed by zeros up to a multiple of 8.
 */
export class NarHash {
  readonly #hasher = new Bun.CryptoHasher("sha256").update(HEAD);
  /** Number of open directories. */
  #depth = 0;
  #contentBytes = 0;

  /** Enters a directory. The root of a NAR has no name, so `name` is ignored there. */
  enterDirectory(name: Uint8Array): void {
    this.#beginEntry(name);
    this.#hasher.update(DIRECTORY);
    this.#depth += 1;
  }

  /** Leaves the directory that was entered last. */
  leaveDirectory(): void {
    this.#depth -= 1;
    this.#endEntry();
  }

  /** Adds a link. */
  addLink(name: Uint8Array, target: Uint8Array): void {
    this.#beginEntry(name);
    this.#hasher.update(LINK);
    this.#addString(target);
    this.#endEntry();
  }

  /** Begins a file. Its content follows through `addContent`. */
  beginFile(name: Uint8Array, executable: boolean, sizeBytes: number): void {
    this.#beginEntry(name);
    this.#hasher.update(executable ? EXECUTABLE : REGULAR).update(lengthBytes(sizeBytes));
    this.#contentBytes = sizeBytes;
  }

  /** Adds part of the file's content. */
  addContent(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** Ends the file. All its content must have been added. */
  endFile(): void {
    this.#hasher.update(padding(this.#contentBytes));
    this.#endEntry();
  }

  /** The hash in lower-case hex; the tree must be complete. */
  digest(): string {
    return this.#hasher.digest("hex");
  }

  #beginEntry(name: Uint8Array): void {
    if (this.#depth === 0) return;
    this.#hasher.update(ENTRY);
    this.#addString(name);
    this.#hasher.update(NODE);
  }

  #endEntry(): void {
    this.#hasher.update(CLOSE);
    if (this.#depth > 0) this.#hasher.update(CLOSE);
  }

  #addString(bytes: Uint8Array): void {
    this.#hasher.update(lengthBytes(bytes.byteLength)).update(bytes).update(padding(bytes.byteLength));
  }
}

function framed(...texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.map((text) => {
      const bytes = Buffer.from(text);
      return Buffer.concat([lengthBytes(bytes.byteLength), bytes, padding(bytes.byteLength)]);
    }),
  );
}

function lengthBytes(length: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(length));
  return bytes;
}

function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 7);
}
