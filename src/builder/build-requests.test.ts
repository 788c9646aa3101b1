import { afterAll, beforeAll, expect, it } from "bun:test";
import { mkdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import {
  type BuildRegistry,
  type BuildRegistryOptions,
  openBuildRegistry,
} from "../../test/support/build-registry.ts";
import { installed } from "../../test/support/command.ts";
import {
  createDebianRepository,
  type DebianRepository,
  type TestPackage,
} from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { parseTag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const LATEST = parseTag("latest");
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Each `stuckN` needs a package that is not there, so apt has to find out that it cannot be installed. */
const PACKAGES: readonly TestPackage[] = [
  { name: "tiny", hasFile: true },
  { name: "other", hasFile: true },
  ...numbers(60).map((i) => ({ name: `stuck${i}`, fields: { Depends: "not-there" } })),
];

describeWith("requests for images of a small repository", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;

  /** A registry with data of its own. Opens it again under the same name. */
  const open = async (data: string, options: Partial<BuildRegistryOptions> = {}) => {
    await mkdir(join(folder.path, data), { recursive: true });
    return openBuildRegistry({
      data: join(folder.path, data),
      aptState: join(folder.path, data, "apt"),
      sourcesFile: repository.sourcesFile,
      essential: false,
      include: [],
      ...options,
    });
  };
  /** Asks for an image; resolves to the fault of the answer, or "stored". */
  const ask = async (registry: BuildRegistry, name: string, callerKey = "somebody"): Promise<string> => {
    try {
      await registry.builder.ensure(parseRepositoryName(`apt/${name}`), LATEST, { callerKey });
      return "stored";
    } catch (error) {
      if (error instanceof RegistryError) return error.fault;
      throw error;
    }
  };
  /** Makes the package lists due for a refresh. */
  const expireLists = async (data: string) =>
    utimes(join(folder.path, data, "apt", ARCHITECTURE, "lists-refreshed"), 1, 1);

  beforeAll(async () => {
    folder = await temporaryFolder("build-requests");
    repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("by unknown names start no program and wait for no build", async () => {
    await using registry = await open("unknown", { concurrentBuilds: 1, maxWaitingPerCaller: 4 });
    expect(await ask(registry, "tiny")).toBe("stored");
    const blocker = ask(registry, "other");
    const { startedCount } = registry.runner;
    let isBuilt = false;
    void blocker.then(() => {
      isBuilt = true;
    });
    const faults = await Promise.all(numbers(1500).map((i) => ask(registry, `missing-${i}/tiny`)));
    expect(new Set(faults)).toEqual(new Set(["package-unknown"]));
    expect(isBuilt).toBe(false);
    expect(await blocker).toBe("stored");
    // What the other image needs: one resolution, one download, one archive.
    expect(registry.runner.startedCount - startedCount).toBeLessThan(10);
  });

  it("that cannot be resolved are answered from memory, in whatever order they name the packages", async () => {
    await using registry = await open("conflict");
    expect(await ask(registry, "stuck1/tiny")).toBe("package-conflict");
    const { startedCount } = registry.runner;
    expect(await ask(registry, "stuck1/tiny")).toBe("package-conflict");
    expect(await ask(registry, "tiny/stuck1")).toBe("package-conflict");
    expect(await ask(registry, `${ARCHITECTURE}/tiny/stuck1/tiny`)).toBe("package-conflict");
    expect(registry.runner.startedCount).toBe(startedCount);
  });

  it("are tried again once the package lists change", async () => {
    await using registry = await open("refreshed");
    expect(await ask(registry, "late/tiny")).toBe("package-unknown");
    expect(await ask(registry, "stuck2/tiny")).toBe("package-conflict");
    await repository.publish([
      ...PACKAGES,
      { name: "late", hasFile: true },
      { name: "not-there", hasFile: true },
    ]);
    await expireLists("refreshed");
    expect(await ask(registry, "late/tiny")).toBe("stored");
    expect(await ask(registry, "stuck2/tiny")).not.toBe("package-conflict");
    await repository.publish(PACKAGES);
  });

  it("are tried again each time when failures are not to be remembered", async () => {
    await using registry = await open("forgetful", { failureSeconds: 0 });
    expect(await ask(registry, "stuck3")).toBe("package-conflict");
    const { startedCount } = registry.runner;
    expect(await ask(registry, "stuck3")).toBe("package-conflict");
    expect(registry.runner.startedCount).toBeGreaterThan(startedCount);
  });

  it("of one caller do not hold up another one's", async () => {
    await using registry = await open("fair", { concurrentBuilds: 1 });
    expect(await ask(registry, "tiny")).toBe("stored");
    const answered: string[] = [];
    const note = (who: string, work: Promise<string>) =>
      work.then((fault) => answered.push(`${who} ${fault}`));
    const greedy = numbers(60).map((i) => note("greedy", ask(registry, `stuck${i}`, "greedy")));
    // Once the requests before have gone through their checks, and wait.
    while (answered.length === 0) await Bun.sleep(1);
    await note("modest", ask(registry, "other", "modest"));
    await Promise.all(greedy);
    expect(answered.indexOf("modest stored")).toBeLessThan(6);
    expect(answered.filter((answer) => answer === "greedy package-conflict")).toHaveLength(60);
  });

  it("get the older image when it cannot be refreshed, with one line in the log for all of them", async () => {
    await using first = await open("helpless");
    expect(await ask(first, "tiny")).toBe("stored");
    const lines: string[] = [];
    const log = pino({ level: "warn" }, { write: (line) => void lines.push(line) });
    await using registry = await open("helpless", {
      refreshSeconds: 0,
      path: folder.path,
      change: () => ({ log }),
    });
    for (const _ of numbers(5)) expect(await ask(registry, "tiny")).toBe("stored");
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      image: "apt/tiny:latest",
      msg: "refresh failed; serving the previous image",
    });
  });

  it("beyond the bounds are refused, unless there is an older image", async () => {
    await using first = await open("bounds");
    expect(await ask(first, "tiny")).toBe("stored");
    await using registry = await open("bounds", {
      concurrentBuilds: 1,
      maxWaitingPerCaller: 1,
      refreshSeconds: 0,
    });
    const names = ["stuck0", "stuck1", "stuck2", "stuck3", "tiny"];
    const answers = await Promise.all(names.map((name) => ask(registry, name)));
    const refused = answers.filter((answer) => answer === "too-many-requests");
    expect(refused.length).toBeGreaterThanOrEqual(2);
    expect(answers.filter((answer) => answer === "package-conflict").length).toBe(4 - refused.length);
    expect(answers.at(-1)).toBe("stored");
    // Nothing of that is remembered: the refused ones are resolved when there is room.
    for (const name of names.slice(0, 4)) expect(await ask(registry, name)).toBe("package-conflict");
  });
});
