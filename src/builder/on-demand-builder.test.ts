import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sampleBytes } from "../../test/contracts/content-driver-samples.ts";
import {
  type BuildRegistry,
  type BuildRegistryOptions,
  openBuildRegistry,
} from "../../test/support/build-registry.ts";
import { installed, mustRun } from "../../test/support/command.ts";
import {
  createDebianRepository,
  type DebianRepository,
  type TestPackage,
} from "../../test/support/debian-repository.ts";
import { delegating } from "../../test/support/delegating.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { blobKey } from "../content/blob-paths.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { parseDigest } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import { parseTag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import type { ImageWaiter } from "../registry/image-builder.ts";
import type { ManifestPush } from "../registry/image-registry.ts";
import type { BuildProgress } from "./build-progress.ts";
import { writeOciLayout } from "./oci-layout.ts";
import type { OnDemandParts } from "./on-demand-builder.ts";

const LATEST = parseTag("latest");
const SOMEBODY: ImageWaiter = { callerKey: "somebody" };
const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
/** Real shared libraries, because ldconfig reads them. */
const [LIBRARIES] = ["x86_64", "aarch64"]
  .map((processor) => `/lib/${processor}-linux-gnu`)
  .filter(existsSync);
const CAN_UNPACK =
  installed("umoci", "dpkg", "update-alternatives", "ldconfig") &&
  LIBRARIES !== undefined &&
  process.getuid?.() === 0;

/** Small packages, which share layers. */
const PARTS = Array.from({ length: 24 }, (_, i) => `part-${i}`);

/** A small distribution: an essential package, one for every image, and programs with their own libraries. */
const PACKAGES: readonly TestPackage[] = [
  { ...large("shell", 1_500_000), fields: { Essential: "yes" } },
  { name: "certificates", hasFile: true },
  large("libtransfer", 700_000),
  ...PARTS.map((name) => large(name, 45_000)),
  { name: "curl", hasFile: true, fields: { Depends: `libtransfer, ${PARTS.slice(0, 12).join(", ")}` } },
  { name: "git", hasFile: true, fields: { Depends: `libtransfer, ${PARTS.slice(8).join(", ")}` } },
  { name: "jq", hasFile: true, fields: { Depends: "libjq" } },
  { name: "libjq", hasFile: true },
  ...["one-mailer", "another-mailer"].map((name) => ({
    name,
    fields: { Provides: "mailer", Conflicts: "mailer" },
  })),
];

/** A package that does not compress. */
function large(name: string, sizeBytes: number): TestPackage {
  const seed = [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0);
  return { name, hasFile: true, files: { [`usr/lib/${name}/data`]: sampleBytes(sizeBytes, seed) } };
}

/** A package with libraries in two folders, a configuration file and an alternative. */
async function viewer(): Promise<TestPackage> {
  const library = (name: string) => Bun.file(join(LIBRARIES ?? "", name)).bytes();
  return {
    name: "viewer",
    hasFile: true,
    files: {
      "usr/bin/viewer": "#!/bin/sh\n",
      "usr/lib/libm.so.6": await library("libm.so.6"),
      "usr/lib/viewer/libc.so.6": await library("libc.so.6"),
      "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
      "etc/ld.so.conf.d/viewer.conf": "/usr/lib/viewer\n",
    },
    scripts: {
      postinst: "#!/bin/sh\nupdate-alternatives --install /usr/bin/pager pager /usr/bin/viewer 10\n",
    },
  };
}

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

interface Layer {
  readonly digest: string;
  readonly size: number;
}

/** Layers of a stored image. */
async function layersOf({ store }: BuildRegistry, name: string): Promise<readonly Layer[]> {
  const manifest = await store.findManifest(parseRepositoryName(name), LATEST);
  return (JSON.parse(new TextDecoder().decode(manifest?.bytes)) as { readonly layers: Layer[] }).layers;
}

async function digestOfImage({ store }: BuildRegistry, name: string): Promise<string | undefined> {
  return (await store.findManifest(parseRepositoryName(name), LATEST))?.digest;
}

/** The lock that refers to a stored image. */
async function lockOf({ store, metadata }: BuildRegistry, name: string) {
  const repository = parseRepositoryName(name);
  const subject = await store.findManifest(repository, LATEST);
  if (subject === undefined) throw new Error("the image is not there");
  const filter = { artifactType: MediaType.slipwayLock };
  const [referrer] = await metadata.referrers.listReferrers(repository, subject.digest, filter, {
    limit: 10,
  });
  if (referrer === undefined) throw new Error("nothing refers to the image");
  const artifact = await store.findManifest(repository, referrer.digest);
  const { layers } = JSON.parse(new TextDecoder().decode(artifact?.bytes)) as {
    readonly layers: Descriptor[];
  };
  const [lock] = layers;
  if (lock === undefined) throw new Error("the artifact holds no lock");
  const body = await store.open({ digest: lock.digest, size: lock.size });
  return (await new Response(body).json()) as {
    readonly packages: readonly string[];
    readonly closure: readonly { readonly name: string }[];
  };
}

/** Changes the builder's parts so that `step` runs before each manifest that the builder pushes. */
function beforeEachPush(step: (push: ManifestPush) => Promise<void>) {
  return ({ registry }: OnDemandParts): Partial<OnDemandParts> => ({
    registry: {
      ingest: (source) => registry.ingest(source),
      holds: (blob) => registry.holds(blob),
      open: (blob) => registry.open(blob),
      link: (repository, blobs) => registry.link(repository, blobs),
      findManifest: (repository, reference) => registry.findManifest(repository, reference),
      async pushManifest(repository, push) {
        await step(push);
        return registry.pushManifest(repository, push);
      },
    },
  });
}

/** A manifest that refers to nothing, so a client can push it under any name. */
const EMPTY_INDEX: ManifestPush = {
  mediaType: MediaType.ociIndex,
  bytes: new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }),
  ),
  tags: [LATEST],
};

async function faultOf(work: Promise<void>): Promise<RegistryError> {
  try {
    await work;
  } catch (error) {
    return error as RegistryError;
  }
  throw new Error("nothing was thrown");
}

describe("a host without apt", () => {
  it("says so, and why an image cannot be built", async () => {
    await using folder = await temporaryFolder("no-apt");
    await using registry = await openBuildRegistry({
      data: folder.path,
      aptState: join(folder.path, "apt"),
      path: folder.path,
    });
    const found = await registry.builder.sources[0]?.available();
    expect(found).toEqual({ available: false, reason: "not installed: apt-get, apt-cache, dpkg-deb, flock" });
    const error = await faultOf(registry.builder.ensure(parseRepositoryName("apt/curl"), LATEST, SOMEBODY));
    expect(error.fault).toBe("build-unavailable");
  });
});

describeWith("images built with this machine's apt", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let registry: BuildRegistry;
  const name = (text: string) => parseRepositoryName(text);
  const ownArchitecture = process.arch === "arm64" ? "arm64" : "amd64";
  const open = async (data: string, options: Partial<BuildRegistryOptions> = {}) => {
    await mkdir(join(folder.path, data), { recursive: true });
    return openBuildRegistry({
      data: join(folder.path, data),
      aptState: join(folder.path, "apt"),
      sourcesFile: repository.sourcesFile,
      include: ["certificates"],
      ...options,
    });
  };

  beforeAll(async () => {
    folder = await temporaryFolder("apt-images");
    repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
    registry = await open("one");
    await registry.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY);
  }, 120_000);

  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it("are there the second time without a package manager being started", async () => {
    const { startedCount } = registry.runner;
    await registry.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY);
    expect(registry.runner.startedCount).toBe(startedCount);
  });

  it("are the same under a name that orders the packages otherwise, and no layer is made for it", async () => {
    const events: BuildProgress[] = [];
    await registry.builder.ensure(name("apt/git/curl"), LATEST, SOMEBODY, (event) => events.push(event));
    expect(await digestOfImage(registry, "apt/git/curl")).toBe(await digestOfImage(registry, "apt/curl/git"));
    expect(events.map((event) => event.kind)).toEqual(["resolve-started", "resolve-done", "image-done"]);
  });

  it("are the same when built from nothing elsewhere, once for all who ask meanwhile", async () => {
    await using other = await open("two");
    const events: BuildProgress[] = [];
    const tell = (event: BuildProgress): void => void events.push(event);
    const leaver = new AbortController();
    const leaving = other.builder.ensure(
      name("apt/git/curl"),
      LATEST,
      { ...SOMEBODY, signal: leaver.signal },
      tell,
    );
    const staying = other.builder.ensure(name("apt/git/curl"), LATEST, SOMEBODY, tell);
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    await staying;
    expect(await digestOfImage(other, "apt/git/curl")).toBe(await digestOfImage(registry, "apt/curl/git"));
    expect(events.filter((event) => event.kind === "image-done")).toHaveLength(1);
  });

  it("share at least nine tenths of what they have in common with a related image", async () => {
    await registry.builder.ensure(name("apt/curl/git/jq"), LATEST, SOMEBODY);
    const first = await layersOf(registry, "apt/curl/git");
    const second = new Set((await layersOf(registry, "apt/curl/git/jq")).map((layer) => layer.digest));
    const sum = (layers: readonly Layer[]): number => layers.reduce((total, layer) => total + layer.size, 0);
    // Everything in the first image is in the second one as well.
    expect(sum(first.filter((layer) => second.has(layer.digest))) / sum(first)).toBeGreaterThan(0.9);
    expect(second.size).toBeLessThanOrEqual(94);
  });

  it("carry their lock as a referrer", async () => {
    expect((await lockOf(registry, "apt/curl/git")).packages).toEqual(["curl", "git"]);
  });

  it("that cannot be built say why", async () => {
    const unknown = await faultOf(
      registry.builder.ensure(name("apt/curl/nosuchpkg-a/nosuchpkg-b"), LATEST, SOMEBODY),
    );
    expect(unknown.fault).toBe("package-unknown");
    expect(unknown.detail).toEqual({ packages: ["nosuchpkg-a", "nosuchpkg-b"] });
    // apt would read `curl+` as "install curl".
    expect((await faultOf(registry.builder.ensure(name("apt/curl_plus"), LATEST, SOMEBODY))).fault).toBe(
      "package-unknown",
    );
    const conflict = await faultOf(
      registry.builder.ensure(name("apt/one-mailer/another-mailer"), LATEST, SOMEBODY),
    );
    expect(conflict.fault).toBe("package-conflict");
    expect(JSON.stringify(conflict.detail)).toContain("Conflicts: mailer");
    expect(JSON.stringify(conflict.detail)).not.toContain(folder.path);
  });

  it("are resolved again when they are old, and stay when nothing changed", async () => {
    await using impatient = await open("one", { refreshSeconds: 0 });
    const events: BuildProgress[] = [];
    await impatient.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY, (event) => events.push(event));
    expect(events.at(-1)).toMatchObject({ kind: "image-done", outcome: "unchanged" });
  });

  it("stay when they cannot be resolved again", async () => {
    await using helpless = await open("one", { path: folder.path, refreshSeconds: 0 });
    const digest = await digestOfImage(helpless, "apt/curl/git");
    await helpless.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY);
    expect(await digestOfImage(helpless, "apt/curl/git")).toBe(digest ?? "none");
  });

  it("never replace what a client pushed under such a name", async () => {
    const pushed = name("apt/pushed");
    await registry.store.pushManifest(pushed, EMPTY_INDEX);
    const { startedCount } = registry.runner;
    await registry.builder.ensure(pushed, LATEST, SOMEBODY);
    expect(registry.runner.startedCount).toBe(startedCount);
    expect((await registry.store.findManifest(pushed, LATEST))?.mediaType).toBe(MediaType.ociIndex);
  });

  it("never replace what a client pushes while they are built", async () => {
    const contested = name(`apt/${ownArchitecture}/curl/git`);
    await using slow = await open("one", {
      change: beforeEachPush(async () => {
        await registry.store.pushManifest(contested, EMPTY_INDEX);
      }),
    });
    await slow.builder.ensure(contested, LATEST, SOMEBODY);
    expect((await registry.store.findManifest(contested, LATEST))?.mediaType).toBe(MediaType.ociIndex);
    expect(await registry.metadata.builds.findBuiltImage(contested, LATEST)).toBeUndefined();
  });

  it("check only once for a build where a client pushed", async () => {
    let lookCount = 0;
    await using counting = await open("one", {
      change: ({ ledger }) => ({
        ledger: delegating(ledger, {
          findBuiltImage(repository, tag) {
            lookCount += 1;
            return ledger.findBuiltImage(repository, tag);
          },
        }),
      }),
    });
    const pushed = name("apt/pushed/once");
    await registry.store.pushManifest(pushed, EMPTY_INDEX);
    for (let pull = 0; pull < 3; pull += 1) await counting.builder.ensure(pushed, LATEST, SOMEBODY);
    expect(lookCount).toBe(1);
  });

  it("whose build was interrupted do not exist, and are built at the next request", async () => {
    const broken = name(`apt/${ownArchitecture}/git/curl`);
    await using failing = await open("one", {
      change: beforeEachPush(async ({ bytes }) => {
        if (new TextDecoder().decode(bytes).includes(MediaType.slipwayLock))
          throw new RegistryError("build-failed", "broken off");
      }),
    });
    expect((await faultOf(failing.builder.ensure(broken, LATEST, SOMEBODY))).fault).toBe("build-failed");
    expect(await digestOfImage(registry, broken)).toBeUndefined();
    await registry.builder.ensure(broken, LATEST, SOMEBODY);
    expect(await registry.metadata.builds.findBuiltImage(broken, LATEST)).toBeDefined();
  });

  it("are complete again after a refresh when a client deleted a part", async () => {
    const damaged = name("apt/git/curl");
    const [layer] = await layersOf(registry, damaged);
    const digest = parseDigest(layer?.digest ?? "");
    expect(await registry.metadata.links.unlinkBlob(damaged, digest)).toBe(true);
    await using impatient = await open("one", { refreshSeconds: 0 });
    await impatient.builder.ensure(damaged, LATEST, SOMEBODY);
    expect(await registry.metadata.links.findLinkedBlob(damaged, digest)).toBeDefined();
    expect(await digestOfImage(registry, damaged)).toBe(await digestOfImage(registry, "apt/curl/git"));
  });

  it("are built again at once when the file of a layer is lost, in the image and in the layer cache", async () => {
    const damaged = name("apt/git/curl");
    const before = await digestOfImage(registry, damaged);
    const [layer] = await layersOf(registry, damaged);
    const digest = parseDigest(layer?.digest ?? "");
    const file = join(folder.path, "one", "content", blobKey(digest));
    await rm(file);
    await using restarted = await open("one");
    await restarted.builder.ensure(damaged, LATEST, SOMEBODY);
    expect((await stat(file)).size).toBe(layer?.size ?? -1);
    expect(await digestOfImage(registry, damaged)).toBe(before ?? "none");
  });

  it("leave no package files behind", async () => {
    const left = await Array.fromAsync(
      new Bun.Glob("pool/**/*").scan({ cwd: join(folder.path, "apt"), onlyFiles: true }),
    );
    expect(left).toEqual([]);
  });

  it("hold the essential packages, those for every image, and what the named ones need", async () => {
    await registry.builder.ensure(name("apt/jq"), LATEST, SOMEBODY);
    const { closure } = await lockOf(registry, "apt/jq");
    expect(closure.map((one) => one.name)).toEqual(["certificates", "jq", "libjq", "shell"]);
  });

  describeWith("unpacked", CAN_UNPACK, "no umoci, dpkg or ldconfig, or not root", () => {
    it("are what dpkg and ldconfig would have made", async () => {
      await repository.publish([...PACKAGES, await viewer()]);
      await using later = await open("one", { aptState: join(folder.path, "later-apt") });
      await later.builder.ensure(name("apt/curl/viewer"), LATEST, SOMEBODY);
      const layout = join(folder.path, "layout");
      await writeOciLayout(registry.store, name("apt/curl/viewer"), LATEST, layout);
      const bundle = join(folder.path, "bundle");
      await mustRun(["umoci", "unpack", "--rootless", "--image", `${layout}:latest`, bundle]);
      const root = join(bundle, "rootfs");
      const dpkg = (...options: readonly string[]) => mustRun(["dpkg", `--root=${root}`, ...options]);
      expect(await dpkg("--list")).toMatch(/^ii +curl /m);
      expect(await dpkg("--audit")).toBe("");
      expect(await dpkg("--verify")).toBe("");
      const pager = await mustRun(["update-alternatives", "--root", root, "--query", "pager"]);
      expect(pager).toContain("Value: /usr/bin/viewer\n");
      const libraries = async () =>
        (await mustRun(["ldconfig", "-r", root, "-p"])).split("\n").filter((line) => line.includes("=>"));
      const ours = await libraries();
      await mustRun(["ldconfig", "-r", root]);
      expect(ours).toHaveLength(2);
      expect(ours).toEqual(await libraries());
    });
  });
});
