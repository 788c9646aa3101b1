import { closeSync, constants, writeSync } from "node:fs";
import type { TarEntry } from "../archive/tar-entry.ts";
import { factsOf, openBeneath, openFolder, partsOf, setAttribute } from "./file-facts.ts";
import { AT_SYMLINK_NOFOLLOW, call, cString, EMPTY, libc, SystemCallError } from "./libc.ts";

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW | 0x80000;
const AT_REMOVEDIR = 0x200;
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const FIFO = 0o010000;
const CHARACTER_DEVICE = 0o020000;
/** Deeper folders would need more open files than a process may have when they are removed. */
const MAX_DEPTH = 256;

/** Makes the entries of an archive in a folder that is empty at first. Never follows a link, and never leaves it. */
export class TreeWriter {
  readonly #root: number;
  /** Times of folders, which change while they are filled. */
  readonly #folderTimes = new Map<string, number>();
  #parent: { readonly path: string; readonly file: number } | undefined;

  /** @param root the open folder; the caller closes it */
  constructor(root: number) {
    this.#root = root;
  }

  /** Makes one entry. A later entry replaces an earlier one of the same path, except a folder by something else. */
  add(entry: TarEntry, content: Iterable<Uint8Array>): void {
    const parts = partsOf(entry.path);
    if (parts.includes("..")) throw new Error(`${entry.path} leads out of the folder`);
    if (parts.length > MAX_DEPTH) throw new Error(`${entry.path} is nested too deeply`);
    const name = parts.at(-1);
    const parent = this.#openParent(parts.slice(0, -1));
    if (name === undefined || entry.type === "directory")
      this.#addFolder(parent, name ?? "", parts.join("/"), entry);
    else if (name.startsWith(WHITEOUT)) this.#addWhiteout(parent, name);
    else if (entry.type === "file") this.#addFile(parent, name, entry, content);
    else this.#addOther(parent, name, entry);
  }

  /** Sets the times of folders; no entry can be added after it. */
  finish(): void {
    this.#closeParent();
    for (const [path, modifiedAt] of this.#folderTimes) {
      const folder = this.#openBeneath(partsOf(path));
      if (folder === undefined) continue;
      // Not through the descriptor, which is only a place.
      setTimes(folder, ".", modifiedAt);
      closeSync(folder);
    }
  }

  #addFolder(parent: number, name: string, path: string, entry: TarEntry): void {
    if (name !== "" && factsOf(parent, name)?.type !== "directory") {
      replacing(parent, name, `make folder ${path}`, () => libc.mkdirat(parent, cString(name), 0o700));
    }
    this.#folderTimes.set(path, entry.modifiedAt);
    const folder = name === "" ? parent : openFolder(parent, name);
    setOwner(folder, ".", entry);
    call(`set mode of ${path}`, libc.fchmodat(folder, cString("."), entry.mode, 0));
    if (name !== "") closeSync(folder);
  }

  #addWhiteout(parent: number, name: string): void {
    if (name === OPAQUE) {
      const folder = openFolder(parent, ".");
      setAttribute(folder, "user.overlay.opaque", Buffer.from("y"));
      closeSync(folder);
      return;
    }
    const hidden = name.slice(WHITEOUT.length);
    if (["", ".", ".."].includes(hidden)) throw new Error(`${name} hides nothing`);
    replacing(parent, hidden, `hide ${hidden}`, () =>
      libc.mknodat(parent, cString(hidden), CHARACTER_DEVICE, 0),
    );
  }

  #addFile(parent: number, name: string, entry: TarEntry, content: Iterable<Uint8Array>): void {
    const file = replacing(parent, name, `make ${entry.path}`, () =>
      libc.openat(parent, cString(name), CREATE, 0o600),
    );
    try {
      for (const piece of content) writeAll(file, piece);
      // In this order, because a new owner takes away the setuid bit and the capabilities.
      setOwner(file, "", entry);
      call(`set mode of ${entry.path}`, libc.fchmod(file, entry.mode));
      if (entry.capability !== undefined) setAttribute(file, "security.capability", entry.capability);
    } finally {
      closeSync(file);
    }
    setTimes(parent, name, entry.modifiedAt);
  }

  #addOther(parent: number, name: string, entry: TarEntry): void {
    const { path, linkTarget } = entry;
    if (entry.type === "link") {
      this.#addLink(parent, name, entry);
      return;
    }
    if (entry.type === "symlink") {
      replacing(parent, name, `make link ${path}`, () =>
        libc.symlinkat(cString(linkTarget), parent, cString(name)),
      );
    } else if (entry.type === "fifo") {
      replacing(parent, name, `make ${path}`, () => libc.mknodat(parent, cString(name), FIFO | 0o600, 0));
    } else {
      throw new Error(`${path} is a device`);
    }
    setOwner(parent, name, entry);
    if (entry.type === "fifo")
      call(`set mode of ${path}`, libc.fchmodat(parent, cString(name), entry.mode, 0));
    setTimes(parent, name, entry.modifiedAt);
  }

  #addLink(parent: number, name: string, { path, linkTarget }: TarEntry): void {
    const parts = partsOf(linkTarget);
    const targetName = parts.at(-1) ?? "";
    if (parts.includes("..")) throw new Error(`${path} links out of the folder`);
    const folder = this.#openBeneath(parts.slice(0, -1));
    if (folder === undefined) throw new Error(`${path} links ${linkTarget}, which is not there`);
    try {
      replacing(parent, name, `link ${path} to ${linkTarget}`, () =>
        libc.linkat(folder, cString(targetName), parent, cString(name), 0),
      );
    } finally {
      closeSync(folder);
    }
  }

  /** The folder of an entry; makes it if the archive did not mention it. Kept open, as the next entry is often beside. */
  #openParent(parts: readonly string[]): number {
    const path = parts.join("/");
    if (this.#parent?.path === path) return this.#parent.file;
    this.#closeParent();
    const file = this.#openBeneath(parts) ?? this.#makeParents(parts);
    this.#parent = { path, file };
    return file;
  }

  #makeParents(parts: readonly string[]): number {
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const above = this.#openBeneath(parts.slice(0, depth - 1));
      const name = parts[depth - 1] as string;
      if (above === undefined) throw new Error(`${parts.join("/")} has gone`);
      if (factsOf(above, name) === undefined)
        call(`make folder ${name}`, libc.mkdirat(above, cString(name), 0o755));
      closeSync(above);
    }
    const made = this.#openBeneath(parts);
    if (made === undefined) throw new Error(`${parts.join("/")} has gone`);
    return made;
  }

  #openBeneath(parts: readonly string[]): number | undefined {
    const path = parts.join("/");
    try {
      return openBeneath(this.#root, path);
    } catch (error) {
      const isLink = error instanceof SystemCallError && ["ELOOP", "ENOTDIR", "EXDEV"].includes(error.code);
      throw isLink ? new Error(`${path} leads through a link or a file`) : error;
    }
  }

  #closeParent(): void {
    if (this.#parent !== undefined) closeSync(this.#parent.file);
    this.#parent = undefined;
  }
}

/** Removes everything in an open folder. */
export function removeContent(folder: number, names: (folder: number) => readonly string[]): void {
  for (const name of names(folder)) {
    const isFolder = factsOf(folder, name)?.type === "directory";
    if (isFolder) {
      const inner = openFolder(folder, name);
      removeContent(inner, names);
      closeSync(inner);
    }
    call(`remove ${name}`, libc.unlinkat(folder, cString(name), isFolder ? AT_REMOVEDIR : 0));
  }
}

/** Makes something that may stand in the place of an earlier entry. */
function replacing(parent: number, name: string, what: string, make: () => number): number {
  const made = make();
  if (made >= 0 || factsOf(parent, name) === undefined) return call(what, made);
  call(what, libc.unlinkat(parent, cString(name), 0));
  return call(what, make());
}

/** Writes without the checks of a stream; a disk that is full fails here. */
function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) at += writeSync(file, bytes, at, bytes.byteLength - at);
}

function setOwner(parent: number, name: string, { path, userId, groupId }: TarEntry): void {
  const flags = AT_SYMLINK_NOFOLLOW | (name === "" ? 0x1000 : 0);
  call(
    `set owner of ${path}`,
    libc.fchownat(parent, name === "" ? EMPTY : cString(name), userId, groupId, flags),
  );
}

function setTimes(parent: number, name: string, modifiedAt: number): void {
  const seconds = BigInt(modifiedAt);
  const times = new BigInt64Array([seconds, 0n, seconds, 0n]);
  call(`set time of ${name}`, libc.utimensat(parent, cString(name), times, AT_SYMLINK_NOFOLLOW));
}
