import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { chmod, chown, copyFile, cp, mkdir, realpath, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, mustRun, run } from "../../support/command.ts";
import { HAS_NIX, makeRemovable, SMALL_SET, SMALL_SET_VARIABLES } from "../../support/nix.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const ROOT = join(import.meta.dir, "../../..");
/** A user id that belongs to no account. */
const USER = 12_345;
const AS_USER = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "--"];
/** Mounts the checkout where the user can read it, and an empty folder over `/nix`. */
const VIEW = `
set -e
mount --bind "$1/src" "$3/src"
mount --bind "$2" "$3/node_modules"
[ "$4" = keep ] || mount -t tmpfs -o mode=777 slipway-test /nix
shift 4
exec "$@"
`;
const HOSTILE_SETTINGS = `
store = https://127.0.0.1:9
sandbox = false
substituters = http://127.0.0.1:9
build-users-group = nosuch
builders = ssh://nosuch@127.0.0.1
system = riscv64-linux
plugin-files = /nosuch/plugin.so
max-jobs = 0
this is no setting
`;
const HOSTILE_VARIABLES: Readonly<Record<string, string>> = {
  NIX_CONFIG: HOSTILE_SETTINGS,
  NIX_PATH: "nixpkgs=/nosuch:set=/nosuch",
  NIX_REMOTE: "unix:///nosuch/socket",
  NIX_CONF_DIR: "/nosuch/configuration",
  NIX_USER_CONF_FILES: "/nosuch/nix.conf",
  NIX_STORE_DIR: "/nosuch/store",
  NIX_STATE_DIR: "/nosuch/state",
  NIX_LOG_DIR: "/nosuch/log",
  NIX_BUILD_HOOK: "/nosuch/hook",
  NIX_SSL_CERT_FILE: "/nosuch/certificates",
  NIXPKGS_CONFIG: "/nosuch/config.nix",
  NIXPKGS_ALLOW_UNFREE: "1",
};

setDefaultTimeout(600_000);

/** Whether the user may have namespaces, as builds need them. */
async function hasNamespaces(): Promise<boolean> {
  if (process.getuid?.() !== 0 || !installed("setpriv", "unshare", "mount", "find")) return false;
  const mountAsUser = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "true"];
  const [asUser, asRoot] = await Promise.all([
    run([...AS_USER, ...mountAsUser]),
    run(["unshare", "--mount", "true"]),
  ]);
  return asUser.exitCode === 0 && asRoot.exitCode === 0;
}

const NEEDS = "needs root, nix, setpriv, unshare, and user namespaces";

describeWith(
  "images of Nix packages, as a user without an account",
  HAS_NIX && (await hasNamespaces()),
  NEEDS,
  () => {
    let folder: TemporaryFolder;
    let home: string;
    let expected: string;

    beforeAll(async () => {
      folder = await temporaryFolder("nix-user");
      await chmod(folder.path, 0o755);
      home = join(folder.path, "home");
      await makeView(folder.path);
      await makeHostileHome(home);
      await using server = await startServerProcess(join(folder.path, "of-root"), SMALL_SET_VARIABLES);
      expected = await digestOf(server, "nix/program/split.dev/apart");
    });
    afterAll(async () => {
      await makeRemovable(folder.path);
      await folder[Symbol.asyncDispose]();
    });

    /** Starts a server as the user, with a new data folder. */
    async function startAsUser(
      name: string,
      prefix: readonly string[],
      variables: Readonly<Record<string, string>> = {},
    ): Promise<ServerProcess> {
      const data = join(folder.path, name);
      await mkdir(data);
      await chown(data, USER, USER);
      const program = [
        ...(await viewCommand(folder.path)),
        ...AS_USER,
        ...prefix,
        ...viewProgram(folder.path),
      ];
      const own = { SLIPWAY_BUILDER_NIX_PATH: join(folder.path, "small-set") };
      return await startServerProcess(data, { ...SMALL_SET_VARIABLES, ...own, ...variables }, [], program);
    }

    it("would not be made if that configuration were read", async () => {
      const alone = (environment: Readonly<Record<string, string>>, ...command: readonly string[]) =>
        run([...AS_USER, "env", "--chdir=/", ...command], environment);
      for (const environment of [{ HOME: home }, { ...HOSTILE_VARIABLES, HOME: folder.path }]) {
        const { exitCode, stderr } = await alone(environment, "nix-store", "--dump-db");
        expect([exitCode, stderr]).toEqual([1, expect.stringContaining("this is no setting")]);
      }
      expect((await alone({ HOME: home }, "git", "config", "--list")).exitCode).not.toBe(0);
    });

    it("are the same as root's, whatever the user's own configuration says", async () => {
      await using server = await startAsUser("hostile", ["env", `HOME=${home}`], HOSTILE_VARIABLES);
      const before = await filesOfNix(server);
      expect(await digestOf(server, "nix/program/split.dev/apart")).toBe(expected);
      expect(await filesOfNix(server)).toBe(before);
      expect(server.output()).not.toContain("binary caches only");
    });

    it("are the same without a home folder", async () => {
      await using server = await startAsUser("homeless", ["env", "--unset=HOME"]);
      const before = await filesOfNix(server);
      expect(await digestOf(server, "nix/program/split.dev/apart")).toBe(expected);
      expect(await filesOfNix(server)).toBe(before);
    });

    it("come from a git repository, whatever the user's own configuration of git says", async () => {
      const repository = join(folder.path, "repository");
      await cp(SMALL_SET, repository, { recursive: true });
      const git = (...command: readonly string[]) =>
        mustRun(["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", ...command]);
      await git("init", "--quiet");
      await git("add", "--all");
      await git("commit", "--quiet", "--message=one");
      // Git reads a repository only if the user owns it.
      await mustRun(["chown", "-R", `${USER}:${USER}`, repository]);
      const sets = JSON.stringify({ "nix-git": { git: { url: repository }, include: ["everywhere"] } });
      await using server = await startAsUser("git", ["env", `HOME=${home}`], {
        SLIPWAY_BUILDER_NIX_SETS: sets,
      });
      expect(await digestOf(server, "nix-git/program/split.dev/apart")).toBe(expected);
    });
  },
);

async function digestOf({ url, output }: ServerProcess, name: string): Promise<string> {
  const response = await fetch(`${url}/v2/${name}/manifests/latest`);
  const body = await response.text();
  if (response.status !== 200) throw new Error(`${name}: ${response.status} ${body}\n${output()}`);
  return response.headers.get("docker-content-digest") ?? "";
}

/** Everything below `/nix` as a server sees it, with sizes and times; empty if there is no such folder. */
async function filesOfNix({ pid }: ServerProcess): Promise<string> {
  const place = `/proc/${pid}/root/nix`;
  return (await run(["find", place, "-printf", "%P %y %s %m %T@\\n"])).stdout;
}

/** Makes a view of the checkout that everybody can read. The checkout itself may be readable only by root. */
async function makeView(folder: string): Promise<void> {
  const view = join(folder, "view");
  for (const name of ["src", "node_modules"]) await mkdir(join(view, name), { recursive: true });
  await copyFile(process.execPath, join(view, "bun"));
  await copyFile(join(ROOT, "package.json"), join(view, "package.json"));
  await chmod(join(view, "bun"), 0o755);
  await cp(SMALL_SET, join(folder, "small-set"), { recursive: true });
}

/** The start of a command line that runs a program with the view, in a separate mount namespace. */
async function viewCommand(folder: string): Promise<readonly string[]> {
  const modules = await realpath(join(ROOT, "node_modules"));
  const programs = await Promise.all(
    ["nix-store", "sh"].map((program) => realpath(Bun.which(program) ?? "/")),
  );
  const livesThere = programs.some((path) => path.startsWith("/nix/"));
  const keep = livesThere || (await run(["test", "-d", "/nix"])).exitCode !== 0;
  const parameters = [ROOT, modules, join(folder, "view"), keep ? "keep" : "hide"];
  return ["unshare", "--mount", "--", "sh", "-c", VIEW, "sh", ...parameters];
}

function viewProgram(folder: string): readonly string[] {
  return [join(folder, "view/bun"), join(folder, "view/src/cli/main.ts")];
}

/** A home folder whose files would spoil every build, if anything read them. */
async function makeHostileHome(home: string): Promise<void> {
  const files = {
    ".config/nix/nix.conf": HOSTILE_SETTINGS,
    ".config/nixpkgs/config.nix": 'throw "the configuration of a user was read"',
    ".config/git/config": '[url "http://127.0.0.1:9/"]\n\tinsteadOf = /\n',
    ".gitconfig": "[core\nthis is no configuration of git\n",
    ".nix-defexpr/default.nix": 'throw "the expressions of a user were read"',
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(home, name, ".."), { recursive: true });
    await writeFile(join(home, name), text);
  }
  await mustRun(["chown", "-R", `${USER}:${USER}`, home]);
}
