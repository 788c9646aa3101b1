const HEAD = framed("nix-archive-1");
const ENTRY = framed("entry", "(", "name");
const NODE = framed("node");
const DIRECTORY = framed("(", "type", "directory");
const REGULAR = framed("(", "type", "regular", "contents");
const EXECUTABLE = framed("(", "type", "regular", "executable", "", "contents");
const LINK = framed("(", "type", "symlink", "target");
const CLOSE = framed(")");

/**
 * The SHA-256 of a NAR, the serialisation that a Nix store hashes its paths by, from the steps of a walk in its order.
 *
 * A NAR knows directories, files with or without the right to execute, and links; of neither an owner nor a time. Each
 * of its strings has its length before it, as 64 bits in little-endian order, and zeros after it up to a multiple of 8.
 */
export class NarHash {
  readonly #hasher = new Bun.CryptoHasher("sha256").update(HEAD);
  /** How many directories are open. */
  #depth = 0;
  #contentBytes = 0;

  /** Enters a directory. The root of a NAR has no name, so that `name` is ignored there. */
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

  /** Begins a file, whose content follows by `addContent`. */
  beginFile(name: Uint8Array, executable: boolean, sizeBytes: number): void {
    this.#beginEntry(name);
    this.#hasher.update(executable ? EXECUTABLE : REGULAR).update(lengthBytes(sizeBytes));
    this.#contentBytes = sizeBytes;
  }

  /** Adds a part of the file's content. */
  addContent(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
  }

  /** Ends the file, all of whose content was added. */
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
