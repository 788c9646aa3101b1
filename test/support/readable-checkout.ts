import { chmodSync, chownSync, existsSync, mkdirSync } from "node:fs";
import { chmod, copyFile, mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed } from "./command.ts";

const ROOT = join(import.meta.dir, "../..");
const FOLDERS = ["src", "test"];
const NOBODY = 65_534;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
/** Mounts the checkout where everybody can read it, and a file of subordinate ids, before it runs the rest. */
const ENTER = `
set -e
for folder in src test; do mount --bind "$1/$folder" "$3/$folder"; done
mount --bind "$2" "$3/node_modules"
mount --bind "$4" /etc/subuid
mount --bind "$4" /etc/subgid
shift 4
exec "$@"
`;

/** Whether programs can run as an ordinary user with subordinate ids here. */
export const CAN_BE_NOBODY =
  process.getuid?.() === 0 &&
  installed("newuidmap", "newgidmap", "setpriv", "unshare", "mount") &&
  existsSync("/etc/subuid") &&
  existsSync("/etc/subgid");

/** Why not. */
export const NOBODY_NEEDS = "needs root, newuidmap, setpriv, unshare, and /etc/subuid";

/** A view of this checkout for programs that run as the user `nobody`. The checkout itself may be readable only by root. */
export class ReadableCheckout {
  readonly #folder: string;
  readonly #modules: string;

  private constructor(folder: string, modules: string) {
    this.#folder = folder;
    this.#modules = modules;
  }

  /** Makes the view in a folder, which the caller removes and which everybody can then enter. */
  static async create(folder: string): Promise<ReadableCheckout> {
    await chmod(folder, 0o755);
    const view = join(folder, "view");
    for (const name of [...FOLDERS, "node_modules"]) await mkdir(join(view, name), { recursive: true });
    await copyFile(process.execPath, join(view, "bun"));
    await chmod(join(view, "bun"), 0o755);
    await copyFile(join(ROOT, "package.json"), join(view, "package.json"));
    for (const [name, ids] of [
      ["ids", "nobody:300000:65536\n"],
      ["no-ids", ""],
    ] as const)
      await writeFile(join(folder, name), ids, { mode: 0o644 });
    return new ReadableCheckout(folder, await realpath(join(ROOT, "node_modules")));
  }

  /**
   * The command that runs a program of the checkout with Bun, as `nobody`. `parameters` begin with the program's path in
   * the checkout, or with an option of Bun.
   */
  command(parameters: readonly string[], { hasIds = true } = {}): readonly string[] {
    const view = join(this.#folder, "view");
    const ids = join(this.#folder, hasIds ? "ids" : "no-ids");
    const [first = "", ...rest] = parameters;
    const program = first.startsWith("-") ? first : join(view, first);
    return [
      ...["unshare", "--mount", "--", "sh", "-c", ENTER, "sh", ROOT, this.#modules, view, ids],
      ...[...AS_NOBODY, join(view, "bun"), program, ...rest],
    ];
  }

  /** A folder that belongs to that user; made if it is missing. */
  folder(name: string): string {
    const folder = join(this.#folder, name);
    mkdirSync(folder, { mode: 0o700, recursive: true });
    chownSync(folder, NOBODY, NOBODY);
    chmodSync(folder, 0o700);
    return folder;
  }
}
