import { chown, lstat, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CommandRunner } from "../process/command-runner.ts";

/** The user that apt's methods become when apt runs as root. They read what mirrors send. */
export interface MethodUser {
  readonly name: string;
  readonly id: number;
  /** Whether commands can have namespaces of their own here. */
  readonly hasNamespaces: boolean;
}

/** Where a command downloads files to; dispose of it to move them to the folder that they are for. */
export interface DownloadPlace extends AsyncDisposable {
  readonly path: string;
}

const TIMEOUT_MS = 30_000;
/** A folder that every apt has, in folders that everybody may enter. Only commands in namespaces use it. */
const REACHABLE = "/var/cache/apt/archives/partial";
/**
 * Runs a command. If the first argument is not empty, it is another path for the working folder, which the command sees.
 *
 * A process of its own waits for the command: the first one of a namespace is not ended by a signal that it ignores.
 */
const ENTER = `place=$1; shift
trap 'exit 143' TERM
[ -z "$place" ] || { mount --bind . "$place" && cd "$place" || exit; }
"$@" &
wait $!`;
const NAMESPACES = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];

/**
 * The user that this host's apt has for its methods. `undefined` if this process is not root, or apt has none: methods
 * are then what this process is.
 *
 * @param folder in which commands will run
 */
export async function findMethodUser(runner: CommandRunner, folder: string): Promise<MethodUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const ask = async (command: readonly string[]): Promise<string | undefined> => {
    if (runner.find(command[0] ?? "") === undefined) return undefined;
    const { exitCode, stdout } = await runner.run(command, { folder, timeoutMs: TIMEOUT_MS });
    return exitCode === 0 ? stdout.trim() : undefined;
  };
  const setting = await ask(["apt-config", "shell", "NAME", "APT::Sandbox::User"]);
  const name = /^NAME='([a-z_][a-z0-9_-]*)'$/i.exec(setting ?? "")?.[1];
  if (name === undefined) return undefined;
  const id = await ask(["id", "-u", name]);
  if (id === undefined || id === "0") return undefined;
  const trial = await ask(inNamespaces(["true"], REACHABLE));
  return { name, id: Number(id), hasNamespaces: trial !== undefined };
}

/**
 * A command that downloads, as it is run in its working folder for that user: what it started ends with it.
 *
 * @param isByPath whether it takes the absolute path of its working folder, which the user may not be able to enter
 */
export function downloadCommand(
  command: readonly string[],
  user: MethodUser | undefined,
  isByPath: boolean,
): readonly string[] {
  return user?.hasNamespaces === true ? inNamespaces(command, isByPath ? REACHABLE : "") : command;
}

function inNamespaces(command: readonly string[], place: string): readonly string[] {
  return [...NAMESPACES, "sh", "-c", ENTER, "sh", place, ...command];
}

/**
 * Where a command downloads files that are for `folder`. The user may write there, but not in `folder`, so that it can
 * put nothing in the way of this process.
 */
export async function openDownloadPlace(
  folder: string,
  user: MethodUser | undefined,
): Promise<DownloadPlace> {
  if (user === undefined) return { path: folder, [Symbol.asyncDispose]: async () => {} };
  const path = await mkdtemp(join(folder, "apt-"));
  await chown(path, user.id, 0);
  return {
    path,
    async [Symbol.asyncDispose]() {
      // From here on, the user can enter it no more.
      await chown(path, 0, 0);
      for (const name of await readdir(path)) {
        const found = await lstat(join(path, name));
        // apt makes links to files of this host.
        if (found.isFile() || found.isSymbolicLink()) await rename(join(path, name), join(folder, name));
      }
      await rm(path, { recursive: true, force: true });
    },
  };
}
