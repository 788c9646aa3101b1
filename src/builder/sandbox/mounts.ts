import { byteString, call, cString, libc } from "./libc.ts";

/** Flags of mounts. */
export const READ_ONLY = 1;
export const NO_SUID = 2;
export const NO_DEV = 4;
export const NO_EXEC = 8;
export const REMOUNT = 32;
export const BIND = 4096;

/** Mounts a new file system of this kind. */
export function mountNew(kind: string, path: string, flags: number, options: string): void {
  const [source, target] = [cString(kind), cString(byteString(path))];
  call(`mount ${kind} on ${path}`, libc.mount(source, target, source, flags, cString(options)));
}
