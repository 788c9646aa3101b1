import { basename, dirname } from "node:path";
import type { CallEvent, DiskCall } from "./disk-calls.ts";
import { UNKNOWN_CALLS } from "./disk-calls.ts";
import { type DataChange, endOf, FileNode, FolderNode, type NameChange, type Node } from "./disk-nodes.ts";

/** What a sync that is running will make safe: what had ended when it began. */
interface RunningSync {
  readonly node: Node;
  readonly before: number;
}

/** How to replay a recording. */
export interface DiskModelOptions {
  /** Syncs of matching paths are ignored, as if the program had not made them. */
  readonly ignoreSyncsOf?: RegExp | undefined;
}

/**
 * A folder on a disk, as a recording changes it: each change counts from the moment its call has ended, and is safe once a sync
 * that began later has ended.
 *
 * A sync of a file says nothing of its name. A sync of a folder makes the names in it safe, but not the folder's own.
 */
export class DiskModel {
  readonly root = new FolderNode();
  /** Calls on the folder that the model does not know. If there are any, its states mean nothing. */
  readonly unknownCalls = new Set<string>();
  readonly #rootPath: string;
  readonly #ignored: RegExp | undefined;
  readonly #files = new Map<string, FileNode>();
  readonly #opened = new Map<string, FileNode | undefined>();
  readonly #syncs = new Map<string, RunningSync | undefined>();
  /** By thread, the path of the folder that it is making. */
  readonly #making = new Map<string, string>();
  #order = 0;
  #lastId = 0;

  /** @param rootPath an existing folder whose own name is safe */
  constructor(rootPath: string, { ignoreSyncsOf }: DiskModelOptions = {}) {
    this.#rootPath = rootPath;
    this.#ignored = ignoreSyncsOf;
  }

  /** The changes that a power cut may undo now. */
  unsafe(): { readonly names: readonly NameChange[]; readonly data: readonly DataChange[] } {
    const names = new Set<NameChange>();
    const data: DataChange[] = [];
    const seen = new Set<Node>();
    const visit = (node: Node) => {
      if (seen.has(node)) return;
      seen.add(node);
      if (node instanceof FileNode) {
        node.settle();
        data.push(...node.changes.filter(({ safety }) => safety !== "safe"));
        return;
      }
      for (const entry of node.entries) {
        if (entry.change.safety !== "safe") names.add(entry.change);
        if (entry.node !== undefined) visit(entry.node);
      }
    };
    visit(this.root);
    return { names: [...names].toSorted((one, other) => one.order - other.order), data };
  }

  /** Takes the next event of the recording. Returns whether it concerns the folder. */
  apply({ kind, call }: CallEvent): boolean {
    const inside = call.paths.map((path) => this.#relative(path));
    if (inside.every((path) => path === undefined)) return false;
    if (kind === "end") this.#making.delete(call.thread);
    if (UNKNOWN_CALLS.has(call.name)) this.unknownCalls.add(call.name);
    else if (kind === "begin") this.#begin(call, inside[0]);
    else if (call.result >= 0) this.#end(call, inside);
    else if (call.name.endsWith("sync")) this.#endSync(call.thread, "stuck");
    return true;
  }

  #begin({ name, thread, paths }: DiskCall, path: string | undefined): void {
    if (path === undefined) return;
    if (name === "mkdir" || name === "mkdirat") this.#making.set(thread, path);
    // A rename may come before the end of the call, so find the file now.
    if (name === "write" || name === "pwrite64" || name === "ftruncate") {
      this.#opened.set(thread, this.#files.get(path));
    }
    if (name !== "fsync" && name !== "fdatasync") return;
    const node = this.#find(path);
    const isIgnored = this.#ignored?.test(paths[0] ?? "") === true;
    this.#syncs.set(thread, node === undefined || isIgnored ? undefined : { node, before: this.#order });
  }

  #end(call: DiskCall, [path = "", target = ""]: readonly (string | undefined)[]): void {
    switch (call.name) {
      case "openat":
        if (call.flags.includes("O_CREAT") && !this.#files.has(path)) this.#create(path, this.#newFile());
        if (call.flags.includes("O_TRUNC")) this.#change(this.#files.get(path), 0, undefined);
        return;
      case "mkdir":
      case "mkdirat":
        this.#create(path, new FolderNode());
        return;
      case "rename":
      case "renameat":
      case "renameat2":
        this.#rename(path, target);
        return;
      case "unlink":
      case "unlinkat":
      case "rmdir":
        this.#setNames([[path, undefined]]);
        return;
      case "fsync":
      case "fdatasync":
        this.#endSync(call.thread, "safe");
        return;
      default:
        this.#write(call);
    }
  }

  #write({ name, thread, bytes, number, result }: DiskCall): void {
    const file = this.#opened.get(thread);
    if (name === "ftruncate") this.#change(file, number ?? 0, undefined);
    else if (bytes !== undefined)
      this.#change(file, name === "write" ? endOf(file) : (number ?? 0), bytes.subarray(0, result));
  }

  #change(file: FileNode | undefined, offset: number, bytes: Uint8Array | undefined): void {
    file?.changes.push({ kind: "data", order: this.#order++, file, offset, bytes, safety: "unsafe" });
  }

  #create(path: string, node: Node): void {
    if (this.#find(path) === undefined) this.#setNames([[path, node]]);
  }

  #rename(from: string, to: string): void {
    const node = this.#find(from);
    if (node instanceof FolderNode) this.unknownCalls.add("rename of a folder");
    this.#setNames([
      [from, undefined],
      [to, node],
    ]);
  }

  /** Sets names, all of them or none. */
  #setNames(names: readonly (readonly [string, Node | undefined])[]): void {
    const folders = names.map(([path]) => this.#folderOf(path));
    const change: NameChange = { kind: "name", order: this.#order++, safety: "unsafe" };
    for (const [index, [path, node]] of names.entries()) {
      const folder = folders[index];
      if (!(folder instanceof FolderNode)) {
        this.unknownCalls.add(`a change in ${dirname(path)}, which nobody has made`);
        continue;
      }
      const name = basename(path);
      folder.entries.push({ change, name, node });
      if (node === undefined) folder.live.delete(name);
      else folder.live.set(name, node);
      if (node instanceof FileNode) this.#files.set(path, node);
      else this.#files.delete(path);
    }
  }

  /**
   * The folder in which a call has succeeded. So it is there, even if the call of another thread that makes it has not ended in
   * the recording yet.
   */
  #folderOf(path: string): Node | undefined {
    const folder = dirname(path);
    if ([...this.#making.values()].includes(folder)) this.#create(folder, new FolderNode());
    return this.#find(folder);
  }

  #endSync(thread: string, outcome: "safe" | "stuck"): void {
    const sync = this.#syncs.get(thread);
    this.#syncs.delete(thread);
    if (sync === undefined) return;
    const { node, before } = sync;
    const covered = node instanceof FileNode ? node.changes : node.entries.map(({ change }) => change);
    for (const change of covered)
      if (change.order < before && change.safety === "unsafe") change.safety = outcome;
  }

  #newFile(): FileNode {
    this.#lastId += 1;
    return new FileNode(this.#lastId);
  }

  /** The node at a path relative to the root; `.` is the root. */
  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split("/")) {
      if (name === "" || name === ".") continue;
      node = node instanceof FolderNode ? node.live.get(name) : undefined;
    }
    return node;
  }

  #relative(path: string): string | undefined {
    if (path === this.#rootPath) return ".";
    return path.startsWith(`${this.#rootPath}/`) ? path.slice(this.#rootPath.length + 1) : undefined;
  }
}
