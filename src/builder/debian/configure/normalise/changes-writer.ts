import { lstatSync } from "node:fs";
import { join } from "node:path";
import type { ArchiveEntry, ArchiveWriter } from "../../../archive/archive-writer.ts";
import { readBegin } from "../../../archive/read-begin.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import type { HeldTree } from "../../../trees/tree-cache.ts";
import { entryTime } from "./entry-time.ts";
import { normalisedAttribute } from "./extended-attributes.ts";
import type { NormaliseContext } from "./rewrite.ts";
import type { FoundSecrets } from "./secret-search.ts";
import type { SecretValues } from "./secret-values.ts";
import { linkedCertificate } from "./table.ts";
import { type Treatment, treatmentOf } from "./treatment.ts";
import { UcfDigests } from "./ucf-digests.ts";

/** A list of all files in `/etc` is far smaller. */
const MAX_UCF_LIST_BYTES = 1 << 20;

/** Writes what a stage changed, so that it depends on the packages alone. */
export class ChangesWriter {
  readonly #archive: ArchiveWriter;
  readonly #createdAt: Date;
  readonly #trees: readonly HeldTree[];
  readonly #dropped: Set<string>;
  readonly #secrets: SecretValues;
  readonly #ucf = new UcfDigests();

  /**
   * @param trees the layers below, lowest first
   */
  constructor(
    archive: ArchiveWriter,
    createdAt: Date,
    trees: readonly HeldTree[],
    { keys, values }: FoundSecrets,
  ) {
    this.#archive = archive;
    this.#createdAt = createdAt;
    this.#trees = trees;
    this.#dropped = new Set(keys);
    this.#secrets = values;
  }

  /** Writes an entry, or leaves it out. */
  async write(streamed: StreamedEntry): Promise<void> {
    const { type } = streamed;
    const path = streamed.path.replace(/\/$/, "");
    const treatment = treatmentOf({ path, type, sizeBytes: streamed.size });
    if (treatment.kind === "drop" || this.#namesDropped(streamed, path)) this.#dropped.add(path);
    else if (!this.#dropped.has(path))
      await this.#writeTreated(this.#entryOf(streamed, path), treatment, streamed);
  }

  /** Whether an entry is another name of a file that is left out. */
  #namesDropped({ type, linkTarget }: StreamedEntry, path: string): boolean {
    if (type === "link") return this.#dropped.has(linkTarget);
    const certificate = type === "symlink" ? linkedCertificate(path, linkTarget) : undefined;
    if (certificate === undefined) return false;
    // The file may come later than the link.
    const { kind } = treatmentOf({ path: certificate, type: "file", sizeBytes: 0 });
    return kind === "drop" || this.#dropped.has(certificate);
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
    switch (treatment.kind) {
      case "drop":
        return;
      case "keep":
      case "search":
        if (entry.type !== "file") await this.#archive.writeEmpty(entry);
        else if (this.#secrets.mayBeIn(streamed) || isUcfList(streamed)) {
          const bytes = await readBegin(content, size);
          await this.#writeChanged(entry, streamed, bytes, bytes);
        } else await this.#archive.writeStream(entry, size, content);
        return;
      case "keep-unless": {
        const bytes = await readBegin(content, size);
        if (treatment.unless(bytes, this.#context)) this.#dropped.add(streamed.path);
        else await this.#archive.writeBytes(entry, bytes);
        return;
      }
      case "empty":
        await this.#archive.writeEmpty({
          ...entry,
          mode: treatment.mode ?? entry.mode,
          modifiedAt: this.#createdAt,
        });
        return;
      case "rewrite": {
        const bytes = await readBegin(content, size);
        const made = treatment.rewrite(streamed.path, bytes, this.#context);
        await this.#writeChanged(entry, streamed, bytes, made === "unchanged" ? bytes : made);
      }
    }
  }

  /** Writes a file without secrets, and has ucf know it. */
  async #writeChanged(
    entry: ArchiveEntry,
    streamed: StreamedEntry,
    left: Uint8Array,
    rewritten: Uint8Array,
  ): Promise<void> {
    if (isUcfList(streamed)) return await this.#archive.writeBytes(entry, this.#ucf.updated(rewritten));
    const made = this.#secrets.mayBeIn(streamed) ? this.#secrets.empty(streamed.path, rewritten) : rewritten;
    if (made !== left) this.#ucf.note(left, made);
    await this.#archive.writeBytes(entry, made);
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

function isUcfList({ path, type, size }: StreamedEntry): boolean {
  return type === "file" && size <= MAX_UCF_LIST_BYTES && UcfDigests.isList(path);
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
