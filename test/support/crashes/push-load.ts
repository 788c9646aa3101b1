import { digestOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import type { Random } from "../random.ts";
import { RegistryClient, type TestDescriptor } from "../registry-client.ts";
import type { PushHistory } from "./push-history.ts";

/** The key of a blob in a repository; its value is the digest, or nothing. */
export function blobKeyOf(repository: string, digest: string): string {
  return `blob ${repository} ${digest}`;
}

/** The key of a tag; its value is the digest of the manifest. */
function tagKeyOf(repository: string, tag: string): string {
  return `tag ${repository} ${tag}`;
}

/** Sizes of blobs in bytes, some past what is written directly. */
const SIZES = [10, 3_000, 70_000, 1_200_000, 4_500_000];
const TAGS = ["latest", "stable", "next"];

/** A client with a repository of its own: pushes blobs and manifests, mounts, moves and deletes tags, deletes blobs. */
export class PushClient {
  readonly #repository: string;
  readonly #client: RegistryClient;
  readonly #history: PushHistory;
  readonly #random: Random;
  /** Blobs that it never deletes, so that others may mount them. */
  readonly #shared: TestDescriptor[];
  readonly #deletable: TestDescriptor[] = [];
  #count = 0;

  constructor(
    name: string,
    server: { readonly url: string },
    history: PushHistory,
    random: Random,
    shared: TestDescriptor[],
  ) {
    this.#repository = `${name}/app`;
    this.#client = new RegistryClient(server);
    this.#history = history;
    this.#random = random;
    this.#shared = shared;
  }

  /** Makes so many requests, one after the other. Those that fail are not acknowledged. */
  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step += 1) await this.#step();
  }

  async #step(): Promise<void> {
    const choice = this.#random.below(10);
    if (choice < 3) await this.#pushBlob();
    else if (choice < 4) await this.#pushInChunks();
    else if (choice < 6) await this.#mount();
    else if (choice < 8) await this.#pushManifest();
    else if (choice < 9) await this.#deleteTag();
    else await this.#deleteBlob();
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    this.#count += 1;
    const bytes = new Uint8Array(this.#random.pick(SIZES));
    bytes.fill(this.#random.below(256));
    bytes.set(new TextEncoder().encode(`${this.#repository} ${this.#count}`).subarray(0, bytes.byteLength));
    return bytes;
  }

  async #pushBlob(): Promise<void> {
    await this.#upload(this.#bytes(), (location, bytes, digest) =>
      this.#client.call("PUT", `${location}&digest=${digest}`, { body: bytes }),
    );
  }

  async #pushInChunks(): Promise<void> {
    await this.#upload(this.#bytes(), async (location, bytes, digest) => {
      const half = bytes.byteLength >> 1;
      await this.#client.call("PATCH", location, { body: bytes.subarray(0, half) });
      await this.#client.call("PATCH", location, { body: bytes.subarray(half) });
      return this.#client.call("PUT", `${location}&digest=${digest}`);
    });
  }

  async #upload(
    bytes: Uint8Array<ArrayBuffer>,
    send: (location: string, bytes: Uint8Array<ArrayBuffer>, digest: string) => Promise<Response>,
  ): Promise<void> {
    const digest = digestOf(bytes);
    const isStored = await this.#history.set({ [blobKeyOf(this.#repository, digest)]: digest }, () =>
      this.#succeeds(201, async () => send(await this.#client.start(this.#repository), bytes, digest)),
    );
    if (!isStored) return;
    const descriptor = { mediaType: MediaType.ociLayerGzip, digest, size: bytes.byteLength };
    (this.#random.oneIn(3) ? this.#deletable : this.#shared).push(descriptor);
  }

  async #mount(): Promise<void> {
    if (this.#shared.length === 0) return this.#pushBlob();
    const { digest } = this.#random.pick(this.#shared);
    await this.#history.set({ [blobKeyOf(this.#repository, digest)]: digest }, () =>
      this.#succeeds(201, () =>
        this.#client.call("POST", `/v2/${this.#repository}/blobs/uploads/?mount=${digest}`),
      ),
    );
  }

  async #pushManifest(): Promise<void> {
    const owned = this.#shared.filter(
      ({ digest }) => this.#history.current(blobKeyOf(this.#repository, digest)) !== undefined,
    );
    if (owned.length < 2) return this.#pushBlob();
    const [config, layer] = [this.#random.pick(owned), this.#random.pick(owned)];
    this.#count += 1;
    const manifest = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { ...config, mediaType: MediaType.ociConfig },
      layers: [layer],
      annotations: { count: `${this.#count}` },
    });
    const tag = this.#random.pick(TAGS);
    const key = tagKeyOf(this.#repository, tag);
    await this.#history.set({ [key]: digestOf(new TextEncoder().encode(manifest)) }, () =>
      this.#succeeds(201, () =>
        this.#client.call("PUT", `/v2/${this.#repository}/manifests/${tag}`, {
          headers: { "content-type": MediaType.ociManifest },
          body: manifest,
        }),
      ),
    );
  }

  async #deleteTag(): Promise<void> {
    const tag = this.#random.pick(TAGS);
    const key = tagKeyOf(this.#repository, tag);
    if (this.#history.current(key) === undefined) return this.#pushManifest();
    await this.#history.set({ [key]: undefined }, () =>
      this.#succeeds(202, () => this.#client.call("DELETE", `/v2/${this.#repository}/manifests/${tag}`)),
    );
  }

  async #deleteBlob(): Promise<void> {
    const blob = this.#deletable.pop();
    if (blob === undefined) return this.#pushBlob();
    await this.#history.set({ [blobKeyOf(this.#repository, blob.digest)]: undefined }, () =>
      this.#succeeds(202, () => this.#client.call("DELETE", `/v2/${this.#repository}/blobs/${blob.digest}`)),
    );
  }

  /** Whether a request is answered with a status. A server that was killed answers nothing. */
  async #succeeds(status: number, send: () => Promise<Response>): Promise<boolean> {
    try {
      const response = await send();
      await response.arrayBuffer();
      return response.status === status;
    } catch {
      return false;
    }
  }
}
