import { posix } from "node:path";
import type { ByteSource } from "../../bytes/byte-source.ts";
import type { ArchiveEntry, ArchiveWriter } from "./archive-writer.ts";

const ROOT = { userId: 0, groupId: 0 } as const satisfies Partial<ArchiveEntry>;

/** An entry whose path is text. */
export interface LayerEntry extends ArchiveEntry {
  readonly path: string;
}

/** The owner of an entry, by number. */
export type Owner = Pick<ArchiveEntry, "userId" | "groupId">;

/** Writes one layer's tree: folders before their content, and each path once; the first entry of a path wins. */
export class LayerTree {
  readonly #archive: ArchiveWriter;
  readonly #paths: Set<string>;

  /** @param written paths that the archive has already */
  constructor(archive: ArchiveWriter, written: Iterable<string> = []) {
    this.#archive = archive;
    this.#paths = new Set(["", ...written]);
  }

  /** Adds a folder, unless it is there already. */
  async addFolder(path: string, mode: number, modifiedAt: Date, owner: Owner = ROOT): Promise<void> {
    await this.add({ path, type: "directory", mode, ...owner, modifiedAt });
  }

  /** Adds a small file. */
  async addFile(
    path: string,
    bytes: Uint8Array,
    modifiedAt: Date,
    mode = 0o644,
    owner: Owner = ROOT,
  ): Promise<void> {
    const entry: LayerEntry = { path, type: "file", mode, ...owner, modifiedAt };
    if (await this.#claim(entry)) await this.#archive.writeBytes(entry, bytes);
  }

  /** Adds a symbolic link. */
  async addLink(path: string, linkTarget: string, modifiedAt: Date): Promise<void> {
    await this.add({ path, type: "symlink", mode: 0o777, ...ROOT, modifiedAt, linkTarget });
  }

  /** Adds a file of `size` bytes from a stream; does not read the stream if the path is taken. */
  async addStream(entry: LayerEntry, size: number, content: ByteSource): Promise<void> {
    if (await this.#claim(entry)) await this.#archive.writeStream(entry, size, content);
  }

  /** Adds an entry without content. */
  async add(entry: LayerEntry): Promise<void> {
    if (await this.#claim(entry)) await this.#archive.writeEmpty(entry);
  }

  /** Takes the path, and creates the folders above it; false if it is already taken. */
  async #claim(entry: LayerEntry): Promise<boolean> {
    if (this.#paths.has(entry.path)) return false;
    const parent = posix.dirname(entry.path);
    if (parent !== "." && !this.#paths.has(parent)) {
      await this.addFolder(parent, 0o755, entry.modifiedAt);
    }
    this.#paths.add(entry.path);
    return true;
  }
}
