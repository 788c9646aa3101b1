import { afterAll, beforeAll } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { OnDemandParts } from "../../src/builder/on-demand-builder.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { parseTag, type Reference } from "../../src/oci/reference.ts";
import type { RegistryError } from "../../src/oci/registry-error.ts";
import { parseRepositoryName } from "../../src/oci/repository-name.ts";
import type { ImageWaiter } from "../../src/registry/image-builder.ts";
import type { ManifestPush } from "../../src/registry/image-registry.ts";
import { sampleBytes } from "../contracts/content-driver-samples.ts";
import { type BuildRegistry, type BuildRegistryOptions, openBuildRegistry } from "./build-registry.ts";
import { installed } from "./command.ts";
import { createDebianRepository, type DebianRepository, type TestPackage } from "./debian-repository.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const LATEST = parseTag("latest");
export const SOMEBODY: ImageWaiter = { callerKey: "somebody" };
/** Whether this machine has what {@link openSmallDistribution} needs. */
export const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");

/** Small packages, which share layers. */
const PARTS = Array.from({ length: 24 }, (_, i) => `part-${i}`);

/** A small distribution: an essential package, one for every image, and programs with their own libraries. */
export const PACKAGES: readonly TestPackage[] = [
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

/** A layer in an image's manifest. */
export interface Layer {
  readonly digest: string;
  readonly size: number;
}

/** Layers of a stored image. */
export async function layersOf({ store }: BuildRegistry, name: string): Promise<readonly Layer[]> {
  const manifest = await store.findManifest(parseRepositoryName(name), LATEST);
  return (JSON.parse(new TextDecoder().decode(manifest?.bytes)) as { readonly layers: Layer[] }).layers;
}

/** Digest of a stored image; `undefined` if there is none. */
export async function digestOfImage({ store }: BuildRegistry, name: string): Promise<string | undefined> {
  return (await store.findManifest(parseRepositoryName(name), LATEST))?.digest;
}

/** The lock that refers to a stored image. */
export async function lockOf(registry: BuildRegistry, name: string) {
  return JSON.parse(await lockTextOf(registry, name)) as {
    readonly packages: readonly string[];
    readonly closure: readonly { readonly name: string }[];
  };
}

/** The same, as it is stored. */
export async function lockTextOf(
  { store, metadata }: BuildRegistry,
  name: string,
  reference: Reference = LATEST,
): Promise<string> {
  const repository = parseRepositoryName(name);
  const subject = await store.findManifest(repository, reference);
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
  return await new Response(body).text();
}

/** Changes the builder's parts so that `step` runs before each manifest that the builder pushes. */
export function beforeEachPush(step: (push: ManifestPush) => Promise<void>) {
  return ({ registry }: OnDemandParts): Partial<OnDemandParts> => ({
    registry: {
      ingest: (source) => registry.ingest(source),
      holds: (blob) => registry.holds(blob),
      findBlob: (repository, digest) => registry.findBlob(repository, digest),
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
export const EMPTY_INDEX: ManifestPush = {
  mediaType: MediaType.ociIndex,
  bytes: new TextEncoder().encode(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] }),
  ),
  tags: [LATEST],
};

/** The error with which `work` fails. */
export async function faultOf(work: Promise<void>): Promise<RegistryError> {
  try {
    await work;
  } catch (error) {
    return error as RegistryError;
  }
  throw new Error("nothing was thrown");
}

/** A repository with the small distribution, and registries that build images from it. Disposing of it removes all data. */
export interface SmallDistribution extends AsyncDisposable {
  readonly path: string;
  readonly repository: DebianRepository;
  /** The registry whose data folder is called `one`. It has the image `apt/curl/git`. */
  readonly registry: BuildRegistry;
  /** Opens a registry whose data folder is called `data`; the same name opens the same data again. */
  open(data: string, options?: Partial<BuildRegistryOptions>): Promise<BuildRegistry>;
}

/** Publishes {@link PACKAGES} and builds the first image. */
async function openSmallDistribution(): Promise<SmallDistribution> {
  const folder = await temporaryFolder("apt-images");
  const repository = await createDebianRepository(folder.path);
  await repository.publish(PACKAGES);
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
  const registry = await open("one");
  await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
  return {
    path: folder.path,
    repository,
    registry,
    open,
    async [Symbol.asyncDispose]() {
      await registry[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** The small distribution of a test file, while its tests run. */
export interface SharedDistribution {
  readonly distribution: SmallDistribution;
  readonly registry: BuildRegistry;
}

/** Opens the small distribution for the tests of the `describe` around this call. */
export function shareSmallDistribution(): SharedDistribution {
  let opened: SmallDistribution | undefined;
  const distribution = () => {
    if (opened === undefined) throw new Error("the distribution is open only while tests run");
    return opened;
  };
  beforeAll(async () => {
    opened = await openSmallDistribution();
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());
  return {
    get distribution() {
      return distribution();
    },
    get registry() {
      return distribution().registry;
    },
  };
}
