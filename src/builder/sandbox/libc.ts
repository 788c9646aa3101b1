import { dlopen, ptr, read } from "bun:ffi";
import { constants } from "node:os";

/**
 * The C library, for the programs that run in namespaces. Only they import this.
 *
 * Names and paths are strings with one character for each byte ("latin1"), because they need not be UTF-8.
 */
const LIBC = dlopen("libc.so.6", {
  __errno_location: { args: [], returns: "ptr" },
  syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i32" },
  openat: { args: ["i32", "ptr", "i32", "u32"], returns: "i32" },
  mkdirat: { args: ["i32", "ptr", "u32"], returns: "i32" },
  mknodat: { args: ["i32", "ptr", "u32", "u64"], returns: "i32" },
  symlinkat: { args: ["ptr", "i32", "ptr"], returns: "i32" },
  renameat: { args: ["i32", "ptr", "i32", "ptr"], returns: "i32" },
  linkat: { args: ["i32", "ptr", "i32", "ptr", "i32"], returns: "i32" },
  unlinkat: { args: ["i32", "ptr", "i32"], returns: "i32" },
  readlinkat: { args: ["i32", "ptr", "ptr", "u64"], returns: "i32" },
  fchownat: { args: ["i32", "ptr", "u32", "u32", "i32"], returns: "i32" },
  fchmodat: { args: ["i32", "ptr", "u32", "i32"], returns: "i32" },
  faccessat: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  fchmod: { args: ["i32", "u32"], returns: "i32" },
  utimensat: { args: ["i32", "ptr", "ptr", "i32"], returns: "i32" },
  fsetxattr: { args: ["i32", "ptr", "ptr", "u64", "i32"], returns: "i32" },
  fgetxattr: { args: ["i32", "ptr", "ptr", "u64"], returns: "i32" },
  statx: { args: ["i32", "ptr", "i32", "u32", "ptr"], returns: "i32" },
  getdents64: { args: ["i32", "ptr", "u64"], returns: "i32" },
  fchdir: { args: ["i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  setgroups: { args: ["u64", "ptr"], returns: "i32" },
  setresgid: { args: ["u32", "u32", "u32"], returns: "i32" },
  setresuid: { args: ["u32", "u32", "u32"], returns: "i32" },
  setfsuid: { args: ["u32"], returns: "i32" },
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  sethostname: { args: ["ptr", "u64"], returns: "i32" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  setdomainname: { args: ["ptr", "u64"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  setsid: { args: [], returns: "i32" },
  kill: { args: ["i32", "i32"], returns: "i32" },
  umask: { args: ["u32"], returns: "u32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  capset: { args: ["ptr", "ptr"], returns: "i32" },
  signal: { args: ["i32", "u64"], returns: "i64" },
  sigprocmask: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  dup2: { args: ["i32", "i32"], returns: "i32" },
  execve: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
}).symbols;

/** The functions as they are; {@link call} tells their failures. */
export const libc = LIBC;

/** Stands for the current folder in the functions that end with `at`. */
export const AT_FDCWD = -100;
/** Do not follow a link at the end of the path. */
export const AT_SYMLINK_NOFOLLOW = 0x100;
/** The path is empty: use the descriptor itself. */
export const AT_EMPTY_PATH = 0x1000;
/** A path without a file name, for {@link AT_EMPTY_PATH}. */
export const EMPTY = cString("");

/** A system call that failed. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** Such as `ENOENT`. */
  readonly code: string;

  /** @param what the call and what it was for */
  constructor(what: string, errno: number) {
    const code =
      Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
    super(`${what}: ${code}`);
    this.code = code;
  }
}

/**
 * The result of a function of {@link libc}.
 *
 * @throws {SystemCallError} if it is negative
 */
export function call(what: string, result: number): number {
  if (result < 0) throw new SystemCallError(what, read.i32(LIBC.__errno_location() as never, 0));
  return result;
}

/**
 * Makes a system call that the C library has no function for; at most five values.
 *
 * @throws {SystemCallError} if it fails
 */
export function systemCall(
  what: string,
  number: number,
  ...values: readonly (number | Uint8Array)[]
): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = values.map((value) =>
    typeof value === "number" ? value : Number(ptr(value)),
  );
  return call(what, LIBC.syscall(number, a, b, c, d, e));
}

/** Bytes of a string that ends with zero. */
export function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`, "latin1");
}

/** The string that {@link libc} expects for a text. */
export function byteString(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** A table of pointers to strings, with a null at its end; keep both as long as the table is used. */
export function stringTable(texts: readonly string[]): {
  readonly table: BigUint64Array;
  readonly kept: readonly Buffer[];
} {
  const kept = texts.map(cString);
  return { table: BigUint64Array.from([...kept.map((text) => BigInt(ptr(text))), 0n]), kept };
}
