import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../../../test/support/command.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import {
  HAS_NIX,
  makeRemovable,
  openLedger,
  openNixSource,
  type TestSource,
  type TestSourceOptions,
} from "../../../../test/support/nix.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { stepContext } from "../../../../test/support/step-context.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import type { MetadataStore } from "../../../metadata/ports/metadata-store.ts";
import { type Digest, digestOf } from "../../../oci/digest.ts";
import { parseTag } from "../../../oci/reference.ts";
import {
  type DerivedLayer,
  type LayerContent,
  type Resolution,
  ResolutionOutdated,
} from "../../package-source.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
/** A safety net: some tests build packages. */
const LONG_MS = 300_000;

setDefaultTimeout(LONG_MS);

async function resolve({ source }: TestSource, ...names: readonly string[]): Promise<Resolution> {
  return await source.resolve(source.read(names, parseTag("latest"), AMD64), stepContext());
}

/** The layer on top, which needs nothing of those below. */
function lastLayerOf({ derivedLayers }: Resolution): LayerContent {
  return (derivedLayers.at(-1) as DerivedLayer).make([], stepContext());
}

/** Makes all layers of an image, one for each part; resolves to their digests, the last layer's last. */
async function makeLayers(resolution: Resolution): Promise<readonly Digest[]> {
  const { signal } = stepContext();
  await using held = await resolution.hold(resolution.parts, stepContext());
  const layers = resolution.parts.map((part) => held.layer([part], signal));
  layers.push(lastLayerOf(resolution));
  const digests: Digest[] = [];
  for (const { archive } of layers) digests.push(digestOf(Buffer.concat(await Array.fromAsync(archive))));
  return digests;
}

async function imageOf(tested: TestSource, ...names: readonly string[]): Promise<readonly Digest[]> {
  await using resolution = await resolve(tested, ...names);
  return await makeLayers(resolution);
}

describeWith("a private Nix store", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let metadata: MetadataStore;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-store");
    metadata = await openLedger(join(folder.path, "shared"));
  });
  afterAll(async () => {
    await metadata[Symbol.asyncDispose]();
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  /** An instance with a separate store. Instances that share the ledger belong to one registry. */
  const open = (name: string, options: TestSourceOptions = {}) =>
    openNixSource(join(folder.path, name), options);
  const inStore = (name: string, ...command: readonly string[]) =>
    mustRun(command, {
      NIX_CONFIG: `store = ${join(folder.path, name, "store")}`,
      NIX_CONF_DIR: folder.path,
    });
  const fileOf = (name: string, path: string) => join(folder.path, name, "store", path);

  describe("that is empty", () => {
    it("is made once, however many ask for something first", async () => {
      for (let round = 0; round < 5; round += 1) {
        await using tested = await open(`new-${round}`);
        const asked = [
          resolve(tested, "apart"),
          resolve(tested, "library"),
          tested.source.available(),
        ] as const;
        const [apart, library, availability] = await Promise.all(asked);
        await using _apart = apart;
        await using _library = library;
        expect(availability.available).toBe(true);
      }
    });

    it("stays so while another instance has made all layers, whatever the name", async () => {
      await using first = await open("first", { ledger: metadata.sources });
      const digests = await imageOf(first, "program", "apart");
      await using second = await open("second", { ledger: metadata.sources });
      await second.source.available();
      const before = second.runner.startedCount;
      await using resolution = await resolve(second, "program", "apart");
      const last = lastLayerOf(resolution);
      expect(digestOf(Buffer.concat(await Array.fromAsync(last.archive)))).toBe(digests.at(-1) as Digest);
      expect(second.runner.startedCount).toBe(before);
      await using other = await resolve(second, "library", "apart");
      await Array.fromAsync(lastLayerOf(other).archive);
      const valid = await inStore("second", "nix-store", "--dump-db");
      expect(valid).toContain(".drv\n");
      expect(valid).not.toContain("-apart-1.0\n");
    });

    it("gets only what is needed for the layers that are missing", async () => {
      await using third = await open("third", { ledger: metadata.sources });
      await using resolution = await resolve(third, "program", "apart");
      const parts = resolution.parts.filter(({ label }) => label.startsWith("library"));
      await using held = await resolution.hold(parts, stepContext());
      await Array.fromAsync(held.layer(parts, stepContext().signal).archive);
      const valid = await inStore("third", "nix-store", "--dump-db");
      expect(valid).toContain("-library-2.1\n");
      expect(valid).not.toContain("-apart-1.0\n");
    });

    it("gives the same image again after everything in it was removed", async () => {
      await using tested = await open("emptied");
      const digests = await imageOf(tested, "program", "described");
      await inStore("emptied", "nix-store", "--gc");
      expect(await imageOf(tested, "program", "described")).toEqual(digests);
    });
  });

  it("keeps what a build needs from a collection, from the resolution to the last layer", async () => {
    await using tested = await open("collected");
    const digests = await imageOf(tested, "program", "split.dev");
    let isDone = false;
    const collecting = (async () => {
      while (!isDone) await inStore("collected", "nix-store", "--gc");
    })();
    try {
      for (let round = 0; round < 5; round += 1)
        expect(await imageOf(tested, "program", "split.dev")).toEqual(digests);
    } finally {
      isDone = true;
      await collecting;
    }
  });

  it("is collected when it has too much, but not what is in use", async () => {
    await using tested = await open("bounded", { storeBytes: 1_000_000 });
    await using kept = await resolve(tested, "apart");
    await kept.hold(kept.parts, stepContext());
    await imageOf(tested, "large");
    await eventually(
      async () => !(await inStore("bounded", "nix-store", "--dump-db")).includes("-large-1\n"),
    );
    expect(await inStore("bounded", "nix-store", "--dump-db")).toContain("-apart-1.0\n");
    expect(await makeLayers(kept)).not.toBeEmpty();
  });

  it("with a damaged path never makes a layer of it; the path is made again", async () => {
    await using tested = await open("damaged");
    const digests = await imageOf(tested, "program");
    await using resolution = await resolve(tested, "program");
    const { id = "" } = resolution.parts.find(({ label }) => label.startsWith("library")) ?? {};
    const file = join(fileOf("damaged", id), "lib/library.so");
    await chmod(file, 0o644);
    await writeFile(file, "Code\n");
    await expect(makeLayers(resolution)).rejects.toBeInstanceOf(ResolutionOutdated);
    expect(await imageOf(tested, "program")).toEqual(digests);
  });

  describe("with a package that builds to other bytes each time", () => {
    it("takes the bytes that were published first while their layers are there", async () => {
      await using first = await open("steady", { ledger: metadata.sources });
      await using second = await open("steady-2", { ledger: metadata.sources });
      await using published = await resolve(first, "needsunsteady");
      await makeLayers(published);
      await using same = await resolve(second, "needsunsteady");
      expect(same.lockInputs).toEqual(published.lockInputs);
    });

    it("takes other bytes when those are lost, and the lock names both", async () => {
      await using first = await open("lost", { ledger: metadata.sources });
      await using second = await open("lost-2", { ledger: metadata.sources });
      await imageOf(first, "unsteady");
      await using before = await resolve(second, "unsteady");
      await expect(makeLayers(before)).rejects.toBeInstanceOf(ResolutionOutdated);
      await using after = await resolve(second, "unsteady");
      await makeLayers(after);
      const hashOf = ({ lockInputs }: Resolution) => {
        const closure = lockInputs.closure as { path: string; narHash: string; replaces?: string }[];
        return closure.find(({ path }) => path.endsWith("-unsteady-1"));
      };
      expect(hashOf(after)?.replaces).toBe(String(hashOf(before)?.narHash));
      expect(hashOf(after)?.narHash).not.toBe(String(hashOf(before)?.narHash));
    });
  });

  describe("with a binary cache", () => {
    let cache: string;
    let key: string;

    beforeAll(async () => {
      cache = join(folder.path, "cache");
      await using maker = await open("maker");
      await using resolution = await resolve(maker, "program", "large");
      await resolution.hold(resolution.parts, stepContext());
      const secret = join(folder.path, "secret");
      const publicKey = join(folder.path, "public");
      await mustRun(["nix-store", "--generate-binary-cache-key", "test-1", secret, publicKey]);
      key = (await Bun.file(publicKey).text()).trim();
      const paths = resolution.parts.map(({ id }) => id);
      const experimental = ["--extra-experimental-features", "nix-command"];
      const destination = `file://${cache}?secret-key=${secret}`;
      await inStore("maker", "nix", ...experimental, "copy", "--to", destination, ...paths);
    });

    const caches = () => ({ substituters: [`file://${cache}`], maxJobs: 0 });

    it("takes packages from it, and builds nothing where it may not", async () => {
      await using tested = await open("substituted", { ...caches(), trustedKeys: [key] });
      expect(await tested.source.available()).toMatchObject({
        available: true,
        detail: expect.stringContaining("binary caches only"),
      });
      expect(await imageOf(tested, "program")).not.toBeEmpty();
      await expect(resolve(tested, "apart")).rejects.toMatchObject({
        fault: "build-failed",
        message: expect.stringContaining("apart-1.0"),
      });
    });

    it("takes nothing from it that is not signed by a trusted key", async () => {
      await using tested = await open("unsigned", { ...caches(), trustedKeys: [] });
      await expect(resolve(tested, "program")).rejects.toMatchObject({ fault: "build-failed" });
    });

    it("fetches nothing when the image would be too large", async () => {
      const options = { ...caches(), trustedKeys: [key], closureBytes: 1_000_000 };
      await using tested = await open("toolarge", options);
      await expect(resolve(tested, "large")).rejects.toMatchObject({
        fault: "build-failed",
        message: expect.stringContaining("the limit is 1000000"),
      });
      expect(await inStore("toolarge", "nix-store", "--dump-db")).not.toContain("-large-1\n");
    });
  });

  it("on a host without namespaces says that nothing can be built", async () => {
    const programs = join(folder.path, "programs");
    await mkdir(programs);
    const nixStore = Bun.which("nix-store") ?? "";
    const limited = `echo 0 > /proc/sys/user/max_mnt_namespaces; exec ${nixStore} "$@"`;
    const script = `#!/bin/sh\nexec unshare --user --map-root-user sh -c '${limited}' nix-store "$@"\n`;
    await writeFile(join(programs, "nix-store"), script, { mode: 0o755 });
    const searchPath = `${programs}:${process.env.PATH}`;
    await using alone = await open("alone", { searchPath });
    expect(await alone.source.available()).toMatchObject({
      available: false,
      reason: expect.stringContaining("nothing can be built on this host"),
    });
    await expect(resolve(alone, "apart")).rejects.toMatchObject({ fault: "build-unavailable" });
    const substituters = [`file://${join(folder.path, "no-cache")}`];
    await using substituting = await open("substituting", { searchPath, substituters });
    expect(await substituting.source.available()).toMatchObject({
      available: true,
      detail: expect.stringContaining("binary caches only"),
    });
  });
});
