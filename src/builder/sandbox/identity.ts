import { openFolder } from "./file-facts.ts";
import { AT_FDCWD, byteString, call, libc } from "./libc.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Becomes the sandbox's user 0.
 *
 * Until then a program keeps the id with which the server started it, which can read the program and enter the folders.
 * Root's own id is not one of the sandbox's: what it can do afterwards is limited to the sandbox.
 */
export function becomeRoot(): void {
  call("leave groups", libc.setgroups(0, null));
  call("set group", libc.setresgid(0, 0, 0));
  call("set user", libc.setresuid(0, 0, 0));
  libc.umask(0o022);
  endWithParent();
}

/** Ends this program when the one that started it ends. A change of its user has undone that. */
export function endWithParent(): void {
  call("end with the parent", libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
}

/** Makes a folder of the host the current one. */
export function enterFolder(path: string): void {
  const folder = openFolder(AT_FDCWD, byteString(path));
  call(`enter ${path}`, libc.fchdir(folder));
}
