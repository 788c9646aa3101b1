import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveEntry, ArchiveWriter } from "../../../archive/archive-writer.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import type { HeldTree } from "../../../trees/tree-cache.ts";
import { entryTime } from "./entry-time.ts";
import { normalisedAttribute } from "./extended-attributes.ts";
import type { NormaliseContext } from "./rewrite.ts";
import { type Treatment, treatmentOf } from "./treatment.ts";

/** Writes what a stage changed, so that it depends on the packages alone. */
export class ChangesWriter {
  readonly #archive: ArchiveWriter;
  readonly #createdAt: Date;
  readonly #trees: readonly HeldTree[];
  readonly #dropped = new Set<string>();
  readonly #keys: string[] = [];

  /** @param trees the layers below, lowest first */
  constructor(archive: ArchiveWriter, createdAt: Date, trees: readonly HeldTree[]) {
    this.#archive = archive;
    this.#createdAt = createdAt;
    this.#trees = trees;
  }

  /** Paths of files that were left out because they hold a private key. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  /** Writes an entry, or leaves it out. */
  async write(streamed: StreamedEntry): Promise<void> {
    const { type } = streamed;
    const path = streamed.path.replace(/\/$/, "");
    const treatment = treatmentOf({
      path,
      type,
      sizeBytes: streamed.size,
      linkTarget: type === "symlink" ? streamed.linkTarget : undefined,
    });
    const isLinkToDropped = type === "link" && this.#dropped.has(streamed.linkTarget);
    if (treatment.kind === "drop" || isLinkToDropped) this.#dropped.add(path);
    else await this.#writeTreated(this.#entryOf(streamed, path), treatment, streamed);
  }

  #entryOf(streamed: StreamedEntry, path: string): ArchiveEntry {
    const { type, capability, isUnmodified = false } = streamed;
    const packagedAt = isUnmodified ? new Date(streamed.modifiedAt * 1000) : undefined;
    const attribute = capability && normalisedAttribute("security.capability", capability);
    return {
      path: Buffer.from(path, "latin1"),
      type,
      mode: streamed.mode,
      userId: streamed.userId,
      groupId: streamed.groupId,
      modifiedAt: entryTime({ packagedAt, isPackagedContent: isUnmodified }, this.#createdAt),
      linkTarget:
        type === "link" || type === "symlink" ? Buffer.from(streamed.linkTarget, "latin1") : undefined,
      capability: attribute === "drop" ? undefined : attribute,
    };
  }

  async #writeTreated(entry: ArchiveEntry, treatment: Treatment, streamed: StreamedEntry): Promise<void> {
    const { size, content } = streamed;
    const path = streamed.path;
    switch (treatment.kind) {
      case "drop":
        return;
      case "keep":
        if (entry.type === "file") await this.#archive.writeStream(entry, size, content);
        else await this.#archive.writeEmpty(entry);
        return;
      case "empty":
        await this.#archive.writeEmpty({
          ...entry,
          mode: treatment.mode ?? entry.mode,
          modifiedAt: this.#createdAt,
        });
        return;
      case "rewrite": {
        const bytes = await readSome(content, size);
        const made = treatment.rewrite(path, bytes, this.#context);
        if (made === "drop") this.#dropKey(path);
        else await this.#archive.writeBytes(entry, made === "unchanged" ? bytes : made);
        return;
      }
      case "inspect": {
        const begin = await readSome(content, treatment.beginBytes);
        if (treatment.isDropped(begin)) this.#dropKey(path);
        else await this.#archive.writeStream(entry, size, joined(begin, content));
      }
    }
  }

  #dropKey(path: string): void {
    this.#keys.push(path);
    this.#dropped.add(path);
  }

  get #context(): NormaliseContext {
    return {
      createdAt: this.#createdAt,
      folderModifiedAt: (folder) => {
        for (const { path } of this.#trees.toReversed()) {
          const modifiedAt = folderTime(path, folder);
          if (modifiedAt !== undefined) return modifiedAt;
        }
        return undefined;
      },
    };
  }
}

/** When a folder of a tree was modified. A package may have made up its path, so links on the way are not followed. */
function folderTime(root: string, folder: string): Date | undefined {
  const parts = folder.split("/");
  if (parts.includes("..") || folder.includes("\0")) return undefined;
  let place = root;
  let modifiedAt: Date | undefined;
  for (const part of parts) {
    place = join(place, part);
    const found = lstatSync(place, { throwIfNoEntry: false });
    if (found?.isDirectory() !== true) return undefined;
    modifiedAt = found.mtime;
  }
  return modifiedAt;
}

/** At most `size` bytes from the begin of a stream, which goes on behind them. */
async function readSome(content: AsyncGenerator<Uint8Array>, size: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let read = 0; read < size; ) {
    const { value, done } = await content.next();
    if (done) break;
    chunks.push(value.slice());
    read += value.byteLength;
  }
  return Buffer.concat(chunks);
}

async function* joined(begin: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (begin.byteLength > 0) yield begin;
  yield* rest;
}
