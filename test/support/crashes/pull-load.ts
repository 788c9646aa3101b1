import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import { createDebianRepository, type TestPackage } from "../debian-repository.ts";
import type { Random } from "../random.ts";
import { RegistryClient } from "../registry-client.ts";
import type { PushHistory } from "./push-history.ts";
import { blobKeyOf } from "./push-load.ts";

/** Packages of different sizes, some of which share a dependency. */
const PACKAGES: readonly TestPackage[] = [
  { name: "libshared", hasFile: true, files: { "usr/lib/shared": "s".repeat(300_000) } },
  { name: "one", hasFile: true, fields: { Depends: "libshared" } },
  {
    name: "two",
    hasFile: true,
    fields: { Depends: "libshared" },
    files: { "usr/bin/two": "2".repeat(9_000) },
  },
  { name: "three", hasFile: true },
];
const IMAGES = ["apt/one", "apt/two", "apt/one/two", "apt/three", "apt/three/one", "apt/two/three"];

/** Variables of a server that builds images from these packages; `folder` gets their repository. */
export async function buildVariables(folder: string): Promise<Readonly<Record<string, string>>> {
  const repository = await createDebianRepository(folder);
  await repository.publish(PACKAGES);
  return {
    SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
    SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
    SLIPWAY_BUILDER_APT_INCLUDE: "[]",
    SLIPWAY_BUILDER_SEARCH: "false",
    SLIPWAY_BUILDER_FAILURE_SECONDS: "0",
  };
}

interface PulledImage {
  readonly digest: Digest;
  readonly blobs: readonly Digest[];
}

/** A client that pulls images that are built for it, and mounts their layers. */
export class PullClient {
  readonly #client: RegistryClient;
  readonly #history: PushHistory;
  readonly #random: Random;
  /** The digest of each image that it pulled. */
  readonly #pulled = new Map<string, Digest>();
  /** Images that changed, and blobs with wrong bytes. */
  readonly problems: string[] = [];
  #count = 0;

  constructor(server: { readonly url: string }, history: PushHistory, random: Random) {
    this.#client = new RegistryClient(server);
    this.#history = history;
    this.#random = random;
  }

  /** How many images it pulled. */
  get count(): number {
    return this.#count;
  }

  /** Pulls so many images, and mounts a layer of each. Pulls may fail. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) {
      const name = this.#random.pick(IMAGES);
      const image = await this.#pull(this.#client, name).catch(() => undefined);
      if (image !== undefined) await this.#mount(name, this.#random.pick(image.blobs));
    }
  }

  /** Pulls every image from another server, where none may fail, and none that was pulled before may differ. */
  async pullAll(server: { readonly url: string }): Promise<void> {
    const client = new RegistryClient(server);
    for (const name of IMAGES) {
      await this.#pull(client, name).catch((error: unknown) => {
        this.problems.push(`${name} cannot be pulled: ${error}`);
      });
    }
  }

  async #pull(client: RegistryClient, name: string): Promise<PulledImage> {
    const text = await bytesAt(client, `/v2/${name}/manifests/latest`);
    const digest = digestOf(text);
    const { config, layers } = JSON.parse(new TextDecoder().decode(text));
    const blobs: Digest[] = [config, ...layers].map((blob: { digest: Digest }) => blob.digest);
    for (const blob of blobs) {
      if (digestOf(await bytesAt(client, `/v2/${name}/blobs/${blob}`)) !== blob)
        this.problems.push(`${name}: ${blob} was served with other bytes`);
    }
    const before = this.#pulled.get(name) ?? digest;
    if (before !== digest) this.problems.push(`${name} changed from ${before} to ${digest}`);
    this.#pulled.set(name, digest);
    this.#count += 1;
    return { digest, blobs };
  }

  async #mount(from: string, digest: Digest): Promise<void> {
    const path = `/v2/puller/app/blobs/uploads/?mount=${digest}&from=${from}`;
    await this.#history.set({ [blobKeyOf("puller/app", digest)]: digest }, () =>
      this.#client.call("POST", path).then(
        ({ status }) => status === 201,
        () => false,
      ),
    );
  }
}

async function bytesAt(client: RegistryClient, path: string): Promise<Uint8Array> {
  const response = await client.call("GET", path, { headers: { accept: MediaType.ociManifest } });
  const bytes = await response.bytes();
  if (response.status !== 200)
    throw new Error(`${path}: ${response.status} ${new TextDecoder().decode(bytes)}`);
  return bytes;
}
