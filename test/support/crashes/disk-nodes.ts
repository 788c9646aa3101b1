/**
 * Whether a change survives a power cut: `stuck` ones were covered by a sync that failed. The system reports that once and then
 * calls them clean, so that no later sync makes them safe.
 */
export type Safety = "safe" | "unsafe" | "stuck";

/** A change of names: an entry made or removed, or both halves of a rename. */
export interface NameChange {
  readonly kind: "name";
  readonly order: number;
  safety: Safety;
}

/** A change of a file's bytes, or of its size alone. */
export interface DataChange {
  readonly kind: "data";
  readonly order: number;
  readonly file: FileNode;
  /** Where the bytes go; for a change of size, the new size. */
  readonly offset: number;
  /** `undefined` for a change of size. */
  readonly bytes: Uint8Array | undefined;
  safety: Safety;
}

/** An entry of a folder: a name that leads to a node, or no longer to any. */
export interface Entry {
  readonly change: NameChange;
  readonly name: string;
  readonly node: Node | undefined;
}

/** A file. Changes that are safe, up to the first that is not, are merged into its content. */
export class FileNode {
  readonly id: number;
  readonly content = new Content();
  readonly changes: DataChange[] = [];
  /** How many changes are merged. */
  merged = 0;

  constructor(id: number) {
    this.id = id;
  }

  /** Merges what is safe. */
  settle(): void {
    const end = this.changes.findIndex(({ safety }) => safety !== "safe");
    const done = this.changes.splice(0, end < 0 ? this.changes.length : end);
    for (const change of done) this.content.apply(change);
    this.merged += done.length;
  }
}

/** A folder. */
export class FolderNode {
  readonly entries: Entry[] = [];
  /** The entries as a running program sees them. */
  readonly live = new Map<string, Node>();
}

export type Node = FileNode | FolderNode;

/** Bytes of a file, growing as it is written. */
export class Content {
  #bytes: Uint8Array<ArrayBuffer>;
  #size: number;

  constructor(bytes = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.#size = bytes.byteLength;
  }

  /** Writes bytes. */
  write(offset: number, bytes: Uint8Array): void {
    this.#grow(offset + bytes.byteLength);
    this.#bytes.set(bytes, offset);
    this.#size = Math.max(this.#size, offset + bytes.byteLength);
  }

  /** Cuts the bytes, or adds zeros. */
  resize(size: number): void {
    this.#bytes.fill(0, Math.min(size, this.#size), this.#size);
    this.#grow(size);
    this.#size = size;
  }

  /** Makes a whole change. */
  apply({ offset, bytes }: DataChange): void {
    if (bytes === undefined) this.resize(offset);
    else this.write(offset, bytes);
  }

  get size(): number {
    return this.#size;
  }

  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#size);
  }

  #grow(size: number): void {
    if (size <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(size * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** The size of a file, with all changes. */
export function endOf(file: FileNode | undefined): number {
  if (file === undefined) return 0;
  return file.changes.reduce(
    (size, { offset, bytes }) => (bytes === undefined ? offset : Math.max(size, offset + bytes.byteLength)),
    file.content.size,
  );
}
