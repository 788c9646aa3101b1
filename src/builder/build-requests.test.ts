import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
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
import { eventually } from "../../test/support/eventually.ts";
import { holdLists } from "../../test/support/held-lists.ts";
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

// A safety net: apt takes less than a second.
setDefaultTimeout(120_000);

describeWith("requests for images of a small repository", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;

  /** Opens the registry whose data folder is called `data`; the same name opens the same data again. */
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
  /** Requests an image; resolves to the fault of the answer, or "stored". */
  const ask = async (registry: BuildRegistry, name: string, callerKey = "somebody"): Promise<string> => {
    try {
      await registry.builder.ensure(parseRepositoryName(`apt/${name}`), LATEST, { callerKey });
      return "stored";
    } catch (error) {
      if (error instanceof RegistryError) return error.fault;
      throw error;
    }
  };
  const workspace = (data: string) => join(folder.path, data, "apt", ARCHITECTURE);
  /** Makes the package lists due for a refresh. */
  const expireLists = (data: string) => utimes(join(workspace(data), "lists-refreshed"), 1, 1);

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
    await using lists = await holdLists(workspace("unknown"));
    const { startedCount } = registry.runner;
    const building = ask(registry, "other");
    await eventually(() => registry.runner.startedCount !== startedCount);
    const faults = await Promise.all(numbers(1500).map((i) => ask(registry, `missing-${i}/tiny`)));
    expect(new Set(faults)).toEqual(new Set(["package-unknown"]));
    // One command more: the build's own, which waits for the lists.
    expect(registry.runner.startedCount).toBe(startedCount + 1);
    await lists[Symbol.asyncDispose]();
    expect(await building).toBe("stored");
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

  it("of two callers take turns, however many each has sent", async () => {
    await using registry = await open("fair", { concurrentBuilds: 1, maxWaitingPerCaller: 20 });
    expect(await ask(registry, "tiny")).toBe("stored");
    await using lists = await holdLists(workspace("fair"));
    const answered: string[] = [];
    const send = (caller: string, names: readonly number[]) =>
      names.map(async (i) => {
        const fault = await ask(registry, `stuck${i}`, caller);
        answered.push(fault === "package-conflict" ? caller : fault);
      });
    // One more than can run and wait: once it is refused, all others are waiting.
    const sent = send("one", numbers(22));
    await Promise.race(sent);
    sent.push(
      ...send(
        "other",
        numbers(21).map((i) => 30 + i),
      ),
    );
    await eventually(() => answered.length >= 2);
    expect(answered).toEqual(["too-many-requests", "too-many-requests"]);
    await lists[Symbol.asyncDispose]();
    await Promise.all(sent);
    // The first one was running.
    expect(answered.slice(3)).toEqual(numbers(20).flatMap(() => ["one", "other"]));
  });

  it("get the previous image when a refresh fails, with one log line for all of them", async () => {
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

  it("beyond the limits are refused, unless there is a previous image", async () => {
    await using first = await open("bounds");
    expect(await ask(first, "tiny")).toBe("stored");
    await using registry = await open("bounds", {
      concurrentBuilds: 1,
      maxWaitingPerCaller: 1,
      refreshSeconds: 0,
    });
    // This reads the lists before the test holds their lock.
    expect(await ask(registry, "missing")).toBe("package-unknown");
    await using lists = await holdLists(workspace("bounds"));
    const names = ["stuck0", "stuck1", "stuck2", "stuck3"];
    const answers: string[] = [];
    const asked = names.map(async (name) => answers.push(await ask(registry, name)));
    await eventually(() => answers.length >= 2);
    expect(await ask(registry, "tiny")).toBe("stored");
    expect(answers).toEqual(["too-many-requests", "too-many-requests"]);
    await lists[Symbol.asyncDispose]();
    await Promise.all(asked);
    expect(answers.slice(2)).toEqual(["package-conflict", "package-conflict"]);
    // A refusal is not remembered: refused requests are resolved when there is room.
    for (const name of names) expect(await ask(registry, name)).toBe("package-conflict");
  });
});
