import { closeSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path/posix";
import { factsOf } from "./file-facts.ts";
import { becomeRoot, enterFolder } from "./identity.ts";
import { AT_FDCWD, byteString, call, cString, EMPTY, libc, systemCall } from "./libc.ts";
import { BIND, mountNew, NO_DEV, NO_EXEC, NO_SUID, READ_ONLY, REMOUNT } from "./mounts.ts";
import type { StageOrder } from "./stage-order.ts";

const OPEN_TREE = 428;
const MOVE_MOUNT = 429;
const PIVOT_ROOT = process.arch === "arm64" ? 41 : 155;
/** The kernel refuses a lower limit than this. */
const MIN_PROCESS_IDS = 512;
const OPEN_TREE_CLONE = 1;
const O_CLOEXEC = 0x80000;
const MOVE_FROM_EMPTY_PATH = 4;

const DETACH = 2;

/** Folders of the tree that get a file system of their own. */
const OWN_FOLDERS = ["dev", "proc", "run", "tmp"];
const DEVICES = ["full", "null", "random", "tty", "urandom", "zero"];
const DEVICE_LINKS: readonly (readonly [name: string, target: string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "fd/0"],
  ["stdout", "fd/1"],
  ["stderr", "fd/2"],
  ["ptmx", "pts/ptmx"],
];

/**
 * Makes the tree of a stage the root folder, and becomes its user 0. Nothing else of the host can be reached by a path
 * then. Names in the mounts tell nothing of the host: they are relative to a file system in memory.
 */
export function enterTree(order: StageOrder): void {
  // Before the user changes, because only the server's user may enter these folders.
  const lowers = order.lowers.map(openTree);
  const upper = openTree(order.upperPoint);
  const devices = DEVICES.map((name) => [name, openTree(`/dev/${name}`)] as const);
  mountNew("tmpfs", order.workPoint, NO_SUID | NO_DEV, "size=64m,mode=0700,uid=0,gid=0");
  enterFolder(order.workPoint);
  becomeRoot();

  const names = lowers.map((_, index) => `${index}`);
  for (const folder of [...names, "skeleton", "upper", "proc", "files", "root"]) mkdirSync(folder);
  for (const [index, lower] of lowers.entries()) place(lower, names[index] as string);
  place(upper, "upper");
  for (const folder of ["upper/changes", "upper/work"]) mkdirSync(folder);
  makeSkeleton(order);
  mountNew("proc", "proc", NO_SUID | NO_DEV | NO_EXEC, "");
  limitProcesses(order.limits.processes);
  const proc = openTree("proc");
  const files = order.files.map(({ path, base64, mode }, index) => {
    writeFileSync(`files/${index}`, Buffer.from(base64, "base64"));
    call(`set mode of ${path}`, libc.fchmodat(AT_FDCWD, cString(`files/${index}`), mode, 0));
    return [path, openTree(`files/${index}`)] as const;
  });
  const options = `lowerdir=${[...names, "skeleton"].join(":")},upperdir=upper/changes,workdir=upper/work,userxattr`;
  mountNew("overlay", "root", NO_DEV, options);
  enterFolder("root");
  systemCall("change the root folder", PIVOT_ROOT, cString("."), cString("."));
  call("leave the host's root folder", libc.umount2(cString("."), DETACH));
  enterFolder("/");
  fillTree(order, proc, devices);
  for (const [path, file] of files) placeFile(path, file);
  for (const { from, to } of order.moves) move(byteString(from), byteString(to));
}

/** The lowest folder of the tree: where something is mounted that the tree may not have. */
function makeSkeleton({ files }: StageOrder): void {
  for (const name of OWN_FOLDERS) mkdirSync(`skeleton/${name}`);
  for (const { path } of files) {
    if (OWN_FOLDERS.some((name) => path.startsWith(`/${name}/`))) continue;
    mkdirSync(`skeleton${dirname(path)}`, { recursive: true });
    writeFileSync(`skeleton${path}`, "");
  }
}

/**
 * Bounds the processes of all users of the stage together, where process ids have a limit in each namespace (Linux 6.14
 * and newer). Elsewhere the limit is the host's, and writing it is refused.
 */
function limitProcesses(processesOfEachUser: number): void {
  try {
    writeFileSync("proc/sys/kernel/pid_max", `${MIN_PROCESS_IDS + 2 * processesOfEachUser}`);
  } catch {
    // Each user still has its limit.
  }
}

function fillTree(
  { limits }: StageOrder,
  proc: number,
  devices: readonly (readonly [string, number])[],
): void {
  for (const name of OWN_FOLDERS) {
    if (factsOf(AT_FDCWD, name)?.type !== "directory")
      throw new Error(`/${name} of the tree is not a folder`);
  }
  place(proc, "/proc");
  mountNew("tmpfs", "/run", NO_SUID | NO_DEV, `size=${limits.runtimeBytes},mode=0755`);
  mkdirSync("/run/lock");
  setMode("/run/lock", 0o1777);
  mountNew("tmpfs", "/tmp", NO_SUID | NO_DEV, `size=${limits.temporaryBytes},mode=1777`);
  mountNew("tmpfs", "/dev", NO_SUID | NO_EXEC, "size=64k,mode=0755");
  for (const [name, device] of devices) {
    writeFileSync(`/dev/${name}`, "");
    place(device, `/dev/${name}`);
  }
  for (const [name, target] of DEVICE_LINKS) {
    call(`make /dev/${name}`, libc.symlinkat(cString(target), AT_FDCWD, cString(`/dev/${name}`)));
  }
  for (const folder of ["/dev/pts", "/dev/shm"]) mkdirSync(folder);
  mountNew("devpts", "/dev/pts", NO_SUID | NO_EXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mountNew("tmpfs", "/dev/shm", NO_SUID | NO_DEV, `size=${limits.runtimeBytes},mode=1777`);
}

/** Mounts a file over the one in the tree, which is not opened; makes one only in a file system of this stage. */
function placeFile(path: string, file: number): void {
  const name = byteString(path);
  if (factsOf(AT_FDCWD, name) === undefined) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
  place(file, path);
  const flags = REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEV;
  call(`protect ${path}`, libc.mount(EMPTY, cString(name), EMPTY, flags, EMPTY));
}

function move(from: string, to: string): void {
  if (factsOf(AT_FDCWD, from)?.type !== "file") return;
  call(`rename ${from}`, libc.renameat(AT_FDCWD, cString(from), AT_FDCWD, cString(to)));
}

/** What is at a path, as a mount that is nowhere yet. */
function openTree(path: string): number {
  const flags = OPEN_TREE_CLONE | O_CLOEXEC;
  return systemCall(`open ${path}`, OPEN_TREE, AT_FDCWD, cString(byteString(path)), flags);
}

function place(mount: number, path: string): void {
  const target = cString(byteString(path));
  systemCall(`mount ${path}`, MOVE_MOUNT, mount, EMPTY, AT_FDCWD, target, MOVE_FROM_EMPTY_PATH);
  closeSync(mount);
}

function setMode(path: string, mode: number): void {
  call(`set mode of ${path}`, libc.fchmodat(AT_FDCWD, cString(path), mode, 0));
}
