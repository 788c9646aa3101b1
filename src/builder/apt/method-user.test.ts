import { afterEach, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { chmod, chown, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, mustRun, run } from "../../../test/support/command.ts";
import { createDebianRepository, type DebianRepository } from "../../../test/support/debian-repository.ts";
import { servePackages } from "../../../test/support/package-mirror.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { HAS_APT } from "../../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import { factsFinisher } from "../debian/facts-finisher.ts";
import { CommandRunner } from "../process/command-runner.ts";
import { descendantsOf } from "../process/descendants.ts";
import { AptSource } from "./apt-source.ts";
import { downloadCommand, findMethodUser, type MethodUser, openDownloadPlace } from "./method-user.ts";

const IS_ROOT = process.getuid?.() === 0;
/** What the runner finds without `unshare`. */
const PROGRAMS = ["apt-get", "apt-cache", "apt-config", "dpkg-deb", "flock", "id", "sh", "setpriv"];
const NOBODY = 65_534;
const REQUEST = {
  packages: ["one", "two"],
  platform: { os: "linux", architecture: "amd64" },
  revision: "latest",
};

// A safety net for a busy machine.
setDefaultTimeout(120_000);

/** The users of the processes of apt's method for HTTP that this process started. */
async function methodUsers(): Promise<readonly number[]> {
  const pids = await descendantsOf(process.pid);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
      if (!(await read("cmdline")).startsWith("/usr/lib/apt/methods/http\0")) return [];
      const [, ...users] = /^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/m.exec(await read("status")) ?? [];
      return users.map(Number);
    }),
  );
  return found.flat();
}

/** A mirror of the files in `folder`, which notes who asks for them. */
function serve(folder: string) {
  const users = { lists: new Set<number>(), packages: new Set<number>() };
  const server = servePackages(folder, async ({ url }) => {
    // The method waits for this answer.
    for (const user of await methodUsers()) users[url.endsWith(".deb") ? "packages" : "lists"].add(user);
    return undefined;
  });
  return { server, users };
}

describeWith("apt's methods", HAS_APT && IS_ROOT && installed("id"), "no apt, or not root", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let own: number;

  beforeEach(async () => {
    folder = await temporaryFolder("method-user");
    repository = await createDebianRepository(folder.path);
    await repository.publish(["one", "two"].map((name) => ({ name, hasFile: true })));
    own = Number(await mustRun(["id", "-u", "_apt"]));
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const data = () => join(folder.path, "data");
  const open = (state: string, sourcesFile: string, path = process.env.PATH) => {
    const log = createLogger("silent");
    const runner = new CommandRunner({ environment: { PATH: path, no_proxy: "127.0.0.1" }, log });
    const rules = { alwaysIncluded: [], essential: false, refreshListsSeconds: 86_400 };
    const options = { ...rules, stateFolder: join(data(), state), sourcesFile };
    return new AptSource(options, { runner, finisher: factsFinisher, log });
  };
  /** Has apt download lists and packages of the mirror as a build does, and then as one from a lock whose packages no list has. */
  const download = async (port: number | undefined, path?: string) => {
    const sourcesFile = join(folder.path, "http.list");
    await writeFile(sourcesFile, `deb [trusted=yes] http://127.0.0.1:${port} ./\n`);
    const context = { progress: () => {}, signal: new AbortController().signal };
    await using resolution = await open("apt", sourcesFile, path).resolve(REQUEST, context);
    await using held = await resolution.hold(resolution.parts, context);
    await Array.fromAsync(held.layer(resolution.parts, context.signal).archive, (chunk) => chunk.length);
    await repository.publish([]);
    const locked = open("later", sourcesFile, path).resolveLocked(REQUEST, resolution.lockInputs);
    await using again = await locked.hold(locked.parts, context);
    await Array.fromAsync(again.layer(locked.parts, context.signal).archive, (chunk) => chunk.length);
  };

  it("are their own user, although only root may enter the folder of all data", async () => {
    await mkdir(data(), { mode: 0o700 });
    const { server, users } = serve(repository.folder);
    await using _server = server;
    await download(server.port);
    expect(users).toEqual({ lists: new Set([own]), packages: new Set([own]) });
    expect((await stat(data())).mode & 0o777).toBe(0o700);
  });

  it("are their own user also where commands can have no namespaces", async () => {
    await mkdir(data(), { mode: 0o700 });
    const programs = join(folder.path, "programs");
    await mkdir(programs);
    for (const name of PROGRAMS) await symlink(Bun.which(name) ?? "", join(programs, name));
    const { server, users } = serve(repository.folder);
    await using _server = server;
    await download(server.port, programs);
    expect(users).toEqual({ lists: new Set([own]), packages: new Set([own]) });
  });

  it("work in folders that another user had, and with what another user left there", async () => {
    const partial = join(data(), "apt/amd64/lists/partial");
    await mkdir(partial, { recursive: true });
    await writeFile(join(partial, "127.0.0.1_._Packages"), "something old");
    await mustRun(["chown", "-R", String(NOBODY), data()]);
    await mustRun(["chmod", "-R", "go=", data()]);
    const { server, users } = serve(repository.folder);
    await using _server = server;
    await download(server.port);
    expect(users.lists).toEqual(new Set([own]));
  });

  it("read a repository in a folder that only root may enter, as root", async () => {
    await chmod(folder.path, 0o700);
    await open("apt", repository.sourcesFile).check(REQUEST);
  });

  it("leave no process behind", async () => {
    const runner = new CommandRunner({ environment: process.env, log: createLogger("silent") });
    const user = (await findMethodUser(runner, folder.path)) as MethodUser;
    expect(user).toEqual({ name: "_apt", id: own, hasNamespaces: true });
    // One that has left the process group, and writes to none of the outputs.
    const stays =
      "setsid flock lock sh -c 'echo >held; sleep 300' </dev/null >/dev/null 2>&1 & until [ -e held ]; do sleep 0.1; done";
    const command = downloadCommand(["sh", "-c", `${stays}; exit 7`], user, false);
    const { exitCode } = await runner.run(command, { folder: folder.path, timeoutMs: 60_000 });
    expect(exitCode).toBe(7);
    expect(await readdir(folder.path)).toContain("held");
    expect((await run(["flock", "--nonblock", join(folder.path, "lock"), "true"])).exitCode).toBe(0);
  });

  it("can put files only in a folder of their own", async () => {
    const user: MethodUser = { name: "_apt", id: own, hasNamespaces: true };
    const target = join(folder.path, "target");
    await mkdir(target, { mode: 0o700 });
    {
      await using place = await openDownloadPlace(target, user);
      const found = await stat(place.path);
      expect([found.uid, found.mode & 0o777]).toEqual([own, 0o700]);
      await mkdir(join(place.path, "folder"));
      await mustRun(["mkfifo", join(place.path, "pipe")]);
      await writeFile(join(place.path, "one.deb"), "one");
      await chown(join(place.path, "one.deb"), own, 0);
    }
    expect(await readdir(target)).toEqual(["one.deb"]);
  });
});
