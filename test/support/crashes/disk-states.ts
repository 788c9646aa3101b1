import { link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "../random.ts";
import type { DiskModel } from "./disk-model.ts";
import { Content, type DataChange, type FileNode, FolderNode, type NameChange } from "./disk-nodes.ts";

/** What a power cut leaves of the changes that were not safe. */
export const CUT_MODES = [
  "none",
  "all",
  "half",
  "few",
  "most",
  "journal",
  "one",
  "but-one",
  "zeros",
  "torn",
] as const;

export type CutMode = (typeof CUT_MODES)[number];

/** Sizes of the pieces of a torn write, in bytes. */
const SECTORS = [512, 4096];

/** Does to a file what is left of one change. */
type Fate = (content: Content) => void;

/** What of each unsafe change is on the disk. */
interface Survivors {
  readonly keepsName: (change: NameChange) => boolean;
  readonly fateOf: (change: DataChange) => Fate;
}

const NOTHING: Fate = () => {};

/** Draws what survives a power cut now. */
export function drawSurvivors(model: DiskModel, mode: CutMode, random: Random): Survivors {
  const { names, data } = model.unsafe();
  const all = [...names, ...data];
  const chosen = all.length === 0 ? undefined : random.pick(all);
  const kept = new Set<NameChange | DataChange>();
  const share = { half: 500, few: 100, most: 900, zeros: 900, torn: 900 }[mode as "half"] ?? 0;
  // ext4 and xfs write names in one log, in order.
  const journal = random.below(names.length + 1);
  for (const [index, change] of all.entries()) {
    if (mode === "all" || (mode === "but-one" && change !== chosen) || (mode === "one" && change === chosen))
      kept.add(change);
    else if (share > 0 && random.below(1000) < share) kept.add(change);
    else if (mode === "journal" && change.kind === "name" && index < journal) kept.add(change);
  }
  const fates = new Map(data.map((change) => [change, drawFate(change, mode, kept.has(change), random)]));
  return { keepsName: (change) => kept.has(change), fateOf: (change) => fates.get(change) ?? NOTHING };
}

function drawFate(change: DataChange, mode: CutMode, isKept: boolean, random: Random): Fate {
  const whole: Fate = (content) => content.apply(change);
  if (mode === "journal") return random.pick([whole, sizeOnly(change), NOTHING]);
  if (!isKept) return NOTHING;
  if (mode === "zeros") return random.oneIn(2) ? sizeOnly(change) : whole;
  return mode === "torn" ? torn(change, random) : whole;
}

/** The file has its new size, and zeros where it had no bytes before. */
function sizeOnly({ offset, bytes }: DataChange): Fate {
  const size = offset + (bytes?.byteLength ?? 0);
  return (content) => content.resize(Math.max(size, content.size));
}

/** Some sectors are written; the others are as before. */
function torn(change: DataChange, random: Random): Fate {
  const { offset, bytes } = change;
  if (bytes === undefined) return (content) => content.apply(change);
  const sector = random.pick(SECTORS);
  const written = Array.from({ length: Math.ceil(bytes.byteLength / sector) }, () => random.oneIn(2));
  return (content) => {
    for (const [index, isWritten] of written.entries()) {
      const start = index * sector;
      if (isWritten) content.write(offset + start, bytes.subarray(start, start + sector));
    }
  };
}

/** Writes a disk's states into folders. Files that are the same in several states share one copy, which nobody may change. */
export class StateWriter {
  readonly #pool: string;
  readonly #written = new Set<string>();
  readonly #mayShare: (path: string) => boolean;

  /** @param mayShare whether a file, by its path in the state, is only read */
  constructor(pool: string, mayShare: (path: string) => boolean) {
    this.#pool = pool;
    this.#mayShare = mayShare;
  }

  /** Writes the state into a new folder. */
  async write(model: DiskModel, survivors: Survivors, folder: string): Promise<void> {
    await mkdir(this.#pool, { recursive: true });
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await this.#writeFolder(model.root, survivors, folder, "");
  }

  async #writeFolder(node: FolderNode, survivors: Survivors, folder: string, path: string): Promise<void> {
    const names = new Map<string, FileNode | FolderNode>();
    for (const { change, name, node: entry } of node.entries) {
      if (change.safety !== "safe" && !survivors.keepsName(change)) continue;
      if (entry === undefined) names.delete(name);
      else names.set(name, entry);
    }
    for (const [name, entry] of names) {
      const target = join(folder, name);
      const inside = `${path}/${name}`;
      if (entry instanceof FolderNode) {
        await mkdir(target);
        await this.#writeFolder(entry, survivors, target, inside);
      } else await this.#writeFile(entry, survivors, target, inside);
    }
  }

  async #writeFile(file: FileNode, survivors: Survivors, target: string, path: string): Promise<void> {
    file.settle();
    if (file.changes.length > 0 || !this.#mayShare(path)) {
      await Bun.write(target, contentOf(file, survivors), { createPath: false });
      return;
    }
    const shared = join(this.#pool, `${file.id}-${file.merged}`);
    if (!this.#written.has(shared)) await Bun.write(shared, file.content.copy());
    this.#written.add(shared);
    await link(shared, target);
  }
}

function contentOf(file: FileNode, survivors: Survivors): Uint8Array<ArrayBuffer> {
  const content = new Content(file.content.copy());
  for (const change of file.changes) {
    if (change.safety === "safe") content.apply(change);
    else survivors.fateOf(change)(content);
  }
  return content.copy();
}
