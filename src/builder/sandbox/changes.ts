import { closeSync, readSync } from "node:fs";
import { type TarEntry, tarEntryHeader } from "../archive/tar-entry.ts";
import { TAR_END, tarPadding } from "../archive/tar-header.ts";
import {
  attributeOf,
  type FileFacts,
  factsOf,
  namesIn,
  openFile,
  openFolder,
  targetOf,
} from "./file-facts.ts";
import { isOpaque, type LowerEntry, LowerFolders } from "./lower-folders.ts";

const PIECE_BYTES = 1 << 18;
const CAPABILITY = "security.capability";
/** Deeper folders would need more open files than a process may have. */
const MAX_DEPTH = 256;

/** Writes what the upper folder of an overlay changes in those below it, as a tar with OCI whiteouts. */
export class ChangesArchive {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #maxBytes: number;
  #bytes = 0;
  /** Headers of folders that are written once they have a changed entry. */
  #pendingFolders: TarEntry[] = [];
  /** The first path of each file that has several names. */
  readonly #links = new Map<string, string>();

  /** @param maxBytes the sum of the files' sizes, holes included */
  constructor(write: (bytes: Uint8Array) => void, maxBytes: number) {
    this.#write = write;
    this.#maxBytes = maxBytes;
  }

  /** Writes all changes and the end of the archive. The caller closes the folders. */
  writeAll(upper: number, lowers: LowerFolders): void {
    this.#writeContent(upper, lowers, "", 0);
    this.#write(TAR_END);
  }

  #writeContent(upper: number, lowers: LowerFolders, prefix: string, depth: number): void {
    if (depth > MAX_DEPTH) throw new Error(`${prefix} is nested too deeply`);
    for (const name of namesIn(upper)) {
      const path = `${prefix}${name}`;
      if (name.startsWith(".wh.")) throw new Error(`${path} has a name that a layer cannot hold`);
      const facts = factsOf(upper, name);
      if (facts === undefined) throw new Error(`${path} has gone`);
      if (facts.type === "device") throw new Error(`${path} is a device`);
      const lower = lowers.find(name);
      if (facts.type === "whiteout" || facts.type === "socket") {
        if (lower !== undefined) this.#writeMark(`${prefix}.wh.${name}`);
      } else if (facts.type === "directory") {
        this.#writeFolder(upper, name, path, facts, lowers, depth);
      } else {
        this.#writeOther(upper, name, path, facts, lower);
      }
    }
  }

  #writeFolder(
    parent: number,
    name: string,
    path: string,
    facts: FileFacts,
    lowers: LowerFolders,
    depth: number,
  ): void {
    const folder = openFolder(parent, name);
    try {
      const lower = lowers.find(name);
      const hides = isOpaque(folder);
      using below = hides || lower?.facts.type !== "directory" ? new LowerFolders([]) : lowers.enter(name);
      // A folder that is in a lower layer keeps its time: only its names have changed.
      const keeps = !hides && lower?.facts.type === "directory";
      const entry = keeps ? unmodified(entryOf(path, facts), lower.facts) : entryOf(path, facts);
      const hidesFolder = hides && lower?.facts.type === "directory";
      this.#pendingFolders.push(entry);
      if (hidesFolder || lower === undefined || !sameFacts(facts, lower.facts)) this.#flushFolders();
      if (hidesFolder) this.#writeMark(`${path}/.wh..wh..opq`);
      this.#writeContent(folder, below, `${path}/`, depth + 1);
      if (this.#pendingFolders.at(-1) === entry) this.#pendingFolders.pop();
    } finally {
      closeSync(folder);
    }
  }

  #writeOther(
    parent: number,
    name: string,
    path: string,
    facts: FileFacts,
    lower: LowerEntry | undefined,
  ): void {
    const linkTarget = facts.type === "symlink" ? targetOf(parent, name) : "";
    const file = facts.type === "file" ? openFile(parent, name) : undefined;
    try {
      const capability = file === undefined ? undefined : attributeOf(file, CAPABILITY);
      const upper = { name, facts, file, capability, linkTarget };
      const keepsContent = lower !== undefined && hasSameContent(upper, lower);
      if (keepsContent && hasSameAttributes(upper, lower)) return;
      this.#flushFolders();
      const first = facts.linkCount > 1 ? this.#links.get(facts.identity) : undefined;
      if (first !== undefined) {
        this.#write(tarEntryHeader({ ...entryOf(path, facts), type: "link", size: 0, linkTarget: first }));
        return;
      }
      if (facts.linkCount > 1) this.#links.set(facts.identity, path);
      const entry = { ...entryOf(path, facts), linkTarget, capability };
      this.#write(tarEntryHeader(keepsContent ? unmodified(entry, lower.facts) : entry));
      if (file !== undefined) this.#writeFile(file, path, facts.size);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }

  #writeFile(file: number, path: string, size: number): void {
    this.#bytes += size;
    if (this.#bytes > this.#maxBytes) {
      throw new Error(`the changed files have more than ${this.#maxBytes} bytes, at ${path}`);
    }
    for (const piece of piecesOf(file, size)) this.#write(piece);
    this.#write(new Uint8Array(tarPadding(size)));
  }

  #writeMark(path: string): void {
    this.#flushFolders();
    const mark = {
      mode: 0,
      userId: 0,
      groupId: 0,
      size: 0,
      modifiedAt: 0,
      linkTarget: "",
      capability: undefined,
    };
    this.#write(tarEntryHeader({ ...mark, path, type: "file" }));
  }

  #flushFolders(): void {
    for (const folder of this.#pendingFolders)
      this.#write(tarEntryHeader({ ...folder, path: `${folder.path}/` }));
    this.#pendingFolders = [];
  }
}

/** An entry of the upper folder that is no folder; `file` is it, opened, if it is a regular file. */
interface UpperEntry {
  readonly name: string;
  readonly facts: FileFacts;
  readonly file: number | undefined;
  readonly capability: Buffer | undefined;
  readonly linkTarget: string;
}

/** Whether an entry was copied into the upper folder, and its content or target left as it was. */
function hasSameContent({ name, facts, file, linkTarget }: UpperEntry, lower: LowerEntry): boolean {
  if (facts.type !== lower.facts.type || facts.size !== lower.facts.size) return false;
  if (facts.type === "symlink") return targetOf(lower.folder, name) === linkTarget;
  if (file === undefined) return true;
  return withFile(lower, name, (other) => sameContent(file, other, facts.size));
}

function hasSameAttributes({ name, facts, file, capability }: UpperEntry, lower: LowerEntry): boolean {
  if (!sameFacts(facts, lower.facts)) return false;
  if (file === undefined) return true;
  const found = withFile(lower, name, (other) => attributeOf(other, CAPABILITY));
  return Buffer.compare(capability ?? Buffer.alloc(0), found ?? Buffer.alloc(0)) === 0;
}

function withFile<Result>(lower: LowerEntry, name: string, use: (file: number) => Result): Result {
  const file = openFile(lower.folder, name);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

/** The entry with the time of what it was before; it says that only attributes have changed. */
function unmodified(entry: TarEntry, { modifiedAt }: FileFacts): TarEntry {
  return { ...entry, modifiedAt, isUnmodified: true };
}

function sameFacts(a: FileFacts, b: FileFacts): boolean {
  return a.type === b.type && a.mode === b.mode && a.userId === b.userId && a.groupId === b.groupId;
}

function sameContent(a: number, b: number, size: number): boolean {
  const others = piecesOf(b, size);
  for (const piece of piecesOf(a, size)) {
    const other = others.next().value;
    if (other === undefined || Buffer.compare(piece, other) !== 0) return false;
  }
  return true;
}

/** Exactly `size` bytes from the begin of a file; each piece is valid until the next one. */
function* piecesOf(file: number, size: number): Generator<Buffer, undefined> {
  const buffer = Buffer.alloc(Math.min(PIECE_BYTES, size));
  for (let at = 0; at < size; ) {
    const count = readSync(file, buffer, 0, Math.min(buffer.byteLength, size - at), at);
    if (count === 0) throw new Error("a file became shorter");
    yield buffer.subarray(0, count);
    at += count;
  }
}

function entryOf(path: string, facts: FileFacts): TarEntry {
  const { type } = facts;
  if (type === "socket" || type === "device" || type === "whiteout") throw new Error(`${path} is a ${type}`);
  return {
    path,
    type,
    mode: facts.mode,
    userId: facts.userId,
    groupId: facts.groupId,
    size: facts.type === "file" ? facts.size : 0,
    modifiedAt: facts.modifiedAt,
    linkTarget: "",
    capability: undefined,
  };
}
