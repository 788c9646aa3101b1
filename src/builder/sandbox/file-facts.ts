import { constants } from "node:fs";
import {
  AT_EMPTY_PATH,
  AT_SYMLINK_NOFOLLOW,
  call,
  cString,
  libc,
  SystemCallError,
  systemCall,
} from "./libc.ts";

/** What `lstat` says of an entry of a folder. */
export interface FileFacts {
  readonly type: "file" | "directory" | "symlink" | "fifo" | "socket" | "device" | "whiteout";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  readonly size: number;
  /** Whole seconds. */
  readonly modifiedAt: number;
  /** Number of names that a file has. */
  readonly linkCount: number;
  /** Equal for two names of one file. */
  readonly identity: string;
}

const OPEN_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | 0x80000;
const OPEN_FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | 0x80000;
const STATX_BASIC_STATS = 0x7ff;
const OPENAT2 = 437;
const NO_LINKS_BENEATH = 0x02 | 0x04 | 0x08;
const O_PATH_FOLDER = 0x200000 | constants.O_DIRECTORY | 0x80000;

const TYPES: ReadonlyMap<number, FileFacts["type"]> = new Map([
  [0o010000, "fifo"],
  [0o040000, "directory"],
  [0o100000, "file"],
  [0o120000, "symlink"],
  [0o140000, "socket"],
] as const);

/** The facts of `name` in an open folder, or of the folder itself if `name` is empty; `undefined` if there is none. */
export function factsOf(folder: number, name: string): FileFacts | undefined {
  const buffer = new Uint8Array(256);
  const flags = AT_SYMLINK_NOFOLLOW | (name === "" ? AT_EMPTY_PATH : 0);
  if (!isPresent(`stat ${name}`, libc.statx(folder, cString(name), flags, STATX_BASIC_STATS, buffer))) {
    return undefined;
  }
  const view = new DataView(buffer.buffer);
  const mode = view.getUint16(28, true);
  const device = [view.getUint32(128, true), view.getUint32(132, true)];
  const isWhiteout = (mode & 0o170000) === 0o020000 && device[0] === 0 && device[1] === 0;
  return {
    type: isWhiteout ? "whiteout" : (TYPES.get(mode & 0o170000) ?? "device"),
    mode: mode & 0o7777,
    userId: view.getUint32(20, true),
    groupId: view.getUint32(24, true),
    size: Number(view.getBigUint64(40, true)),
    modifiedAt: Number(view.getBigInt64(112, true)),
    linkCount: view.getUint32(16, true),
    identity: `${view.getUint32(136, true)}:${view.getUint32(140, true)}:${view.getBigUint64(32, true)}`,
  };
}

/** The names in an open folder, in the order of their bytes. */
export function namesIn(folder: number): readonly string[] {
  const names: string[] = [];
  const buffer = Buffer.alloc(1 << 16);
  for (;;) {
    const size = call("list a folder", libc.getdents64(folder, buffer, buffer.byteLength));
    if (size === 0) break;
    for (let at = 0; at < size; at += buffer.readUInt16LE(at + 16)) {
      const name = buffer.toString("latin1", at + 19, buffer.indexOf(0, at + 19));
      if (name !== "." && name !== "..") names.push(name);
    }
  }
  return names.toSorted();
}

/** Opens a folder to list it; the caller closes it. A link is not followed. */
export function openFolder(parent: number, name: string): number {
  return call(`open folder ${name}`, libc.openat(parent, cString(name), OPEN_FOLDER, 0));
}

/** Opens a file to read it; the caller closes it. A link is not followed. */
export function openFile(parent: number, name: string): number {
  return call(`open ${name}`, libc.openat(parent, cString(name), OPEN_FILE, 0));
}

/**
 * Opens a folder below `root` as a place, without permission to list it; the caller closes it. `undefined` if there is
 * none.
 *
 * @throws {SystemCallError} `ELOOP` if a part of the path is a link, `EXDEV` if it leads out of `root`
 */
export function openBeneath(root: number, path: string): number | undefined {
  const how = new BigUint64Array([BigInt(O_PATH_FOLDER), 0n, BigInt(NO_LINKS_BENEATH)]);
  try {
    return systemCall(
      `open folder ${path}`,
      OPENAT2,
      root,
      cString(path === "" ? "." : path),
      new Uint8Array(how.buffer),
      24,
    );
  } catch (error) {
    if (error instanceof SystemCallError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The target of a symbolic link. */
export function targetOf(parent: number, name: string): string {
  const buffer = Buffer.alloc(4096);
  const size = call(`read link ${name}`, libc.readlinkat(parent, cString(name), buffer, buffer.byteLength));
  return buffer.toString("latin1", 0, size);
}

/** The value of an extended attribute of an open file or folder; `undefined` if it has none. */
export function attributeOf(file: number, attribute: string): Buffer | undefined {
  const buffer = Buffer.alloc(4096);
  const size = libc.fgetxattr(file, cString(attribute), buffer, buffer.byteLength);
  return isPresent(`read ${attribute}`, size) ? buffer.subarray(0, size) : undefined;
}

/** Sets an extended attribute of an open file or folder. */
export function setAttribute(file: number, attribute: string, value: Uint8Array): void {
  call(`set ${attribute}`, libc.fsetxattr(file, cString(attribute), value, value.byteLength, 0));
}

/** The path with no mention of "." and empty parts, as parts. */
export function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** False if a call failed because there is nothing of that name. */
function isPresent(what: string, result: number): boolean {
  try {
    call(what, result);
    return true;
  } catch (error) {
    if (
      error instanceof SystemCallError &&
      ["ENOENT", "ENODATA", "ENOTSUP", "EOPNOTSUPP"].includes(error.code)
    )
      return false;
    throw error;
  }
}
