import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import {
  packageSourceContract,
  type SourceSubject,
} from "../../../test/contracts/package-source.contract.ts";
import { installed } from "../../../test/support/command.ts";
import {
  createDebianRepository,
  type DebianRepository,
  type TestPackage,
} from "../../../test/support/debian-repository.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { factsFinisher } from "../debian/facts-finisher.ts";
import { type Resolution, ResolutionOutdated } from "../package-source.ts";
import { CommandRunner } from "../process/command-runner.ts";
import { AptSource, type AptSourceOptions } from "./apt-source.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
/** A safety net, also for one request. */
const LONG_MS = 120_000;
const AMD64 = { os: "linux", architecture: "amd64" };

setDefaultTimeout(LONG_MS);

function resolved(source: AptSource, packages: readonly string[], suite = "latest"): Promise<Resolution> {
  const context = { progress: () => {}, signal: AbortSignal.timeout(LONG_MS) };
  return source.resolve({ packages, platform: AMD64, revision: suite }, context);
}

/** `libxc` and `lib-c` match the expression `lib.c` and cannot be installed together. */
const PACKAGES: readonly TestPackage[] = [
  { name: "libxc", fields: { Conflicts: "lib-c" } },
  { name: "lib-c" },
  { name: "curl", fields: { Depends: "lib-c", Recommends: "only-mentioned, helper" } },
  { name: "helper" },
  ...["1:2.0~rc1-1", "1.5+x"].map((version) => ({ name: "versioned", version })),
  { name: "python3.11" },
  { name: "python3x11" },
  { name: "g++" },
  { name: "g" },
  { name: "one-provider", fields: { Provides: "virtual-of-one, virtual-of-two" } },
  { name: "another-provider", fields: { Provides: "virtual-of-two" } },
  { name: "in-all", fields: { Depends: "usual-tool | tool" } },
  { name: "usual-tool" },
  { name: "other-tool", fields: { Provides: "tool" } },
];

describeWith("packages of a small repository", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let runner: CommandRunner;
  let source: AptSource;

  const open = (stateFolder: string, more: Partial<AptSourceOptions> = {}) => {
    const log = createLogger("silent");
    runner = new CommandRunner({ environment: process.env, log });
    const { sourcesFile } = repository;
    const options = {
      stateFolder,
      alwaysIncluded: [],
      essential: false,
      refreshListsSeconds: 86_400,
      sourcesFile,
      ...more,
    };
    return new AptSource(options, { runner, finisher: factsFinisher, log });
  };
  /** The names of a closure, or the fault and the packages that it names. */
  const resolve = async (...packages: readonly string[]): Promise<readonly string[]> => {
    try {
      return (await resolved(source, packages)).parts.map(({ id }) => id);
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error;
      const { packages: named = [] } = error.detail as { readonly packages?: readonly string[] };
      return [error.fault, ...named];
    }
  };

  beforeAll(async () => {
    folder = await temporaryFolder("apt-source");
    repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
    source = open(join(folder.path, "apt"));
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("are resolved by their exact names, with dots and pluses", async () => {
    expect(await resolve("python3.11")).toEqual(["python3.11"]);
    expect(await resolve("g++")).toEqual(["g++"]);
    expect(await resolve("curl", "g")).toEqual(["curl", "g", "lib-c"]);
  });

  it("are resolved by a virtual name that one package provides", async () => {
    expect(await resolve("virtual-of-one")).toEqual(["one-provider"]);
    const two = resolved(source, ["virtual-of-two"]);
    await expect(two).rejects.toMatchObject({
      fault: "package-unknown",
      message: "virtual-of-two is provided by several packages; name one of another-provider, one-provider",
    });
    const one = await resolved(source, ["virtual-of-one"]);
    expect(one.lockInputs).toMatchObject({ selected: { "virtual-of-one": "one-provider" } });
    expect(await resolve("only-mentioned")).toEqual(["package-unknown", "only-mentioned"]);
  });

  it("are resolved in the version that is asked for", async () => {
    const labels = async (...packages: readonly string[]) =>
      (await resolved(source, packages)).parts.map(({ label }) => label);
    expect(await labels("versioned")).toEqual(["versioned=1:2.0~rc1-1"]);
    expect(await labels("versioned=1.5+x")).toEqual(["versioned=1.5+x"]);
    expect(await labels("versioned=1:2.0~rc1-1", "versioned")).toEqual(["versioned=1:2.0~rc1-1"]);
    await expect(resolved(source, ["versioned=1.5"])).rejects.toMatchObject({
      fault: "package-unknown",
      detail: { packages: ["versioned"], versions: ["1:2.0~rc1-1", "1.5+x"] },
    });
    await expect(resolved(source, ["versioned=1.5+x", "versioned=3"])).rejects.toMatchObject({
      fault: "package-conflict",
    });
    expect(await resolve("nothing=1")).toEqual(["package-unknown", "nothing"]);
  });

  it("come with what they recommend, if that is configured", async () => {
    source = open(join(folder.path, "apt-recommends"), { recommends: true });
    expect(await resolve("curl")).toEqual(["curl", "helper", "lib-c"]);
    source = open(join(folder.path, "apt"));
    expect(await resolve("curl")).toEqual(["curl", "lib-c"]);
  });

  it("come with all of what is in every image, even if they would do in place of some", async () => {
    source = open(join(folder.path, "apt-base"), { alwaysIncluded: ["in-all"] });
    const { parts } = await resolved(source, ["other-tool"]);
    expect(parts.map(({ id, base }) => [id, base])).toEqual([
      ["in-all", true],
      ["other-tool", false],
      ["usual-tool", true],
    ]);
    source = open(join(folder.path, "apt"));
  });

  it("come from the suite that the tag names", async () => {
    const newer = await createDebianRepository(folder.path, "newer");
    await newer.publish([{ name: "g", version: "2" }]);
    const sourcesFile = join(folder.path, "both.list");
    const lists = [repository, newer].map((one) => readFile(one.sourcesFile, "utf8"));
    await writeFile(sourcesFile, (await Promise.all(lists)).join(""));
    const both = open(join(folder.path, "apt-both"), { sourcesFile });
    const versionIn = async (suite?: string) => (await resolved(both, ["g"], suite)).parts[0]?.label;
    expect([await versionIn(), await versionIn("newer"), await versionIn("test")]).toEqual([
      "g=2",
      "g=2",
      "g=1",
    ]);
    const { startedCount } = runner;
    await expect(resolved(both, ["g"], "1.0")).rejects.toMatchObject({
      fault: "manifest-unknown",
      detail: { tag: "1.0", suites: ["newer", "test"] },
    });
    expect(runner.startedCount).toBe(startedCount);
  });

  it("are unknown by any other name, without a program being started", async () => {
    await resolve("curl");
    const { startedCount } = runner;
    for (const name of [
      ...["lib.c", "l.b", "a.e", "lib..", "....", "python3.1", "python3.11.", "0.0", "c.rl"],
      ...["curl+", "g+", "g+++", "curl-", "g++-", "curl+-", "nothing+", "nothing-"],
      ...["curl^", "nothing^", "cur*", "c?rl", "curl/test", "curl:amd64", "curl:any", "~ncurl"],
      ...["^curl$", "?name(curl)", "--help", "-y", "-o", "", " ", "curl ", "CURL", "curl\ng", "ü"],
    ]) {
      expect([name, await resolve(name)]).toEqual([name, ["package-unknown", name]]);
    }
    expect(await resolve("lib.c", "curl", "a.e")).toEqual(["package-unknown", "lib.c", "a.e"]);
    expect(runner.startedCount).toBe(startedCount);
  });

  it("are never found by a part of a repository name that is not their name", async () => {
    const names = new Set(PACKAGES.map(({ name }) => name));
    const letters = [..."abcegilrux01"];
    const word = fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 4 });
    const joint = fc.constantFrom(".", "_", "__", "-", "--", "+", "");
    const component = fc
      .array(fc.tuple(word, joint), { minLength: 1, maxLength: 4 })
      .map((parts) => parts.flat().join(""));
    await resolve("curl");
    const { startedCount } = runner;
    await fc.assert(
      fc.asyncProperty(component, async (name) => {
        fc.pre(!names.has(name));
        expect(await resolve(name)).toEqual(["package-unknown", name]);
      }),
      { numRuns: 300 },
    );
    expect(runner.startedCount).toBe(startedCount);
  });

  it("are found once the lists that name them are refreshed", async () => {
    const stateFolder = join(folder.path, "apt-fresh");
    source = open(stateFolder);
    expect(await resolve("newcomer")).toEqual(["package-unknown", "newcomer"]);
    await repository.publish([...PACKAGES, { name: "newcomer" }]);
    expect(await resolve("newcomer")).toEqual(["package-unknown", "newcomer"]);
    // Long ago, so that they are due for a refresh.
    await utimes(join(stateFolder, "amd64/lists-refreshed"), 1, 1);
    expect(await resolve("newcomer")).toEqual(["newcomer"]);
  });

  it("are resolved again if other lists and files came after the resolution", async () => {
    const program = (version: string) => [{ name: "program", version, hasFile: true }];
    await repository.publish(program("1"));
    const state = join(folder.path, "apt-replaced");
    const first = open(state);
    const resolution = await resolved(first, ["program"]);
    await repository.publish(program("2"));
    await repository.removeFiles(program("1"));
    const context = { progress: () => {}, signal: AbortSignal.timeout(LONG_MS) };
    // The lists are the same, but too young to be at fault.
    await expect(resolution.hold(resolution.parts, context)).rejects.toMatchObject({ fault: "build-failed" });
    const other = open(state, { refreshListsSeconds: 0 });
    expect((await resolved(other, ["program"])).parts.map(({ label }) => label)).toEqual(["program=2"]);
    await expect(resolution.hold(resolution.parts, context)).rejects.toBeInstanceOf(ResolutionOutdated);
    await using again = await (await resolved(first, ["program"])).hold([], context);
    expect(again).toBeDefined();
    await repository.publish(PACKAGES);
  });

  it("are looked up with one update, however many callers ask at once", async () => {
    source = open(join(folder.path, "apt-shared"));
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => resolve(`missing-${i}`)));
    expect(new Set(answers.map(([fault]) => fault))).toEqual(new Set(["package-unknown"]));
    // apt-get --version, update, a list of all names, and one of the repositories; as root also what finds apt's user.
    expect(runner.startedCount).toBeLessThanOrEqual(process.getuid?.() === 0 ? 7 : 4);
  });
});

describeWith("a small repository with files", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let subject: SourceSubject;

  beforeAll(async () => {
    folder = await temporaryFolder("apt-contract");
    const { sourcesFile, publish } = await createDebianRepository(folder.path);
    await publish([
      { name: "program", fields: { Depends: "library" }, hasFile: true },
      { name: "library", hasFile: true },
      { name: "everywhere", hasFile: true },
      { name: "apart", hasFile: true },
    ]);
    const log = createLogger("silent");
    const open = (name: string) =>
      new AptSource(
        {
          stateFolder: join(folder.path, name),
          alwaysIncluded: ["everywhere"],
          essential: false,
          refreshListsSeconds: 86_400,
          sourcesFile,
        },
        { runner: new CommandRunner({ environment: process.env, log }), finisher: factsFinisher, log },
      );
    subject = {
      source: open("apt"),
      elsewhere: open("apt-elsewhere"),
      needing: "program",
      needed: "library",
      apart: "apart",
      unknown: ["nothing", "nowhere"],
    };
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  packageSourceContract("apt", () => subject);
});
