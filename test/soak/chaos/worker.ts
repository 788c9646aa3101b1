import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import { sampleBytes } from "../../contracts/content-driver-samples.ts";
import type { Checks } from "../../support/checks.ts";
import type { Random } from "../../support/random.ts";
import type { PatientClient } from "./patient-client.ts";
import { type PushMode, pushBlob } from "./pushes.ts";
import type { PushedImage, RepositoryModel } from "./repository-model.ts";

/**
 * Maximum images that a worker keeps. It deletes older ones, so that a long run needs no more space than a short one.
 */
const MOST_IMAGES = 25;
const TAGS = 8;
const CHUNK_BYTES = 700_000;
/** How often to check a change. The proxy sends each check to the next instance, so all of them are checked. */
const LOOKS = 3;

const ACTIONS = [
  ...["push", "push", "push", "pull", "pull", "pull", "mount", "mount", "retag", "retag"],
  ...["deleteTag", "deleteImage", "deleteBlob", "deleteBlob", "list"],
] as const;

/** The parts that a worker works with. */
export interface WorkerParts {
  readonly client: PatientClient;
  readonly random: Random;
  readonly checks: Checks;
  /** The repositories of all workers, including its own. */
  readonly models: readonly RepositoryModel[];
}

/** A client that is the only writer of its repository. It checks the effect of each step. */
export class Worker {
  readonly #model: RepositoryModel;
  readonly #parts: WorkerParts;
  #made = 0;

  constructor(model: RepositoryModel, parts: WorkerParts) {
    this.#model = model;
    this.#parts = parts;
  }

  /** Takes random steps until `ended` returns true. */
  async run(ended: () => boolean): Promise<void> {
    while (!ended()) {
      await this.#act(this.#parts.random.pick(ACTIONS));
      await Bun.sleep(this.#parts.random.below(150));
    }
  }

  async #act(action: (typeof ACTIONS)[number]): Promise<void> {
    const { random } = this.#parts;
    const { images, tags } = this.#model;
    if (images.size > MOST_IMAGES) return await this.#deleteImage([...images.keys()][0] as Digest);
    if (action === "push" || images.size === 0) return await this.#push();
    if (action === "mount") return await this.#mount();
    if (action === "deleteBlob") return await this.#deleteBlob();
    if (action === "list") return await this.#list();
    if (action === "deleteImage") return await this.#deleteImage(random.pick([...images.keys()]));
    if (action === "retag") return await this.#tag(random.pick([...images.values()]), this.#anyTag());
    if (tags.size === 0) return await this.#push();
    const tag = random.pick([...tags.keys()]);
    return await (action === "pull" ? this.#pull(tag) : this.#deleteTag(tag));
  }

  async #push(): Promise<void> {
    const { random } = this.#parts;
    const layers = [];
    for (let count = 1 + random.below(3); count > 0; count -= 1) layers.push(await this.#pushBlob());
    const config = await this.#pushBlob(new TextEncoder().encode(JSON.stringify({ made: this.#unique() })));
    const manifest = {
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { mediaType: MediaType.ociConfig, ...config },
      layers: layers.map((layer) => ({ mediaType: MediaType.ociLayerGzip, ...layer })),
    };
    const bytes = new TextEncoder().encode(JSON.stringify(manifest));
    const blobs = [config, ...layers].map(({ digest }) => digest);
    await this.#tag({ digest: digestOf(bytes), bytes, blobs }, this.#anyTag());
  }

  async #pushBlob(given?: Uint8Array): Promise<{ readonly digest: Digest; readonly size: number }> {
    const { client, random } = this.#parts;
    const large = random.oneIn(25) ? 12_000_000 : random.oneIn(5) ? 2_000_000 : 40_000;
    const bytes = given ?? sampleBytes(1 + random.below(large), this.#unique());
    const modes: readonly PushMode[] =
      bytes.byteLength > CHUNK_BYTES ? ["put", "chunks", "chunks"] : ["post", "put"];
    const digest = await pushBlob(client, this.#model.name, bytes, random.pick(modes), CHUNK_BYTES);
    this.#model.blobs.set(digest, bytes.byteLength);
    return { digest, size: bytes.byteLength };
  }

  /** Tags a new or known image. Then every instance must serve it. */
  async #tag(image: PushedImage, tag: string): Promise<void> {
    const { client, checks } = this.#parts;
    const path = this.#manifestPath(tag);
    const headers = { "content-type": MediaType.ociManifest };
    const answer = await client.call("PUT", path, { headers, body: image.bytes });
    if (answer.status !== 201) {
      checks.check(
        false,
        () => `PUT ${path} answered ${answer.status} ${new TextDecoder().decode(answer.bytes)}`,
      );
      return;
    }
    this.#model.tagImage(image, tag);
    for (let look = 0; look < LOOKS; look += 1) {
      const seen = await client.call("HEAD", path);
      const digest = seen.headers.get("docker-content-digest");
      checks.check(digest === image.digest, () => `${path} is ${digest ?? seen.status}, not ${image.digest}`);
    }
  }

  async #pull(tag: string): Promise<void> {
    const { client, checks } = this.#parts;
    const digest = this.#model.tags.get(tag) as Digest;
    const found = await client.call("GET", this.#manifestPath(tag));
    checks.check(digestOf(found.bytes) === digest, () => `${this.#manifestPath(tag)} is not what was tagged`);
    for (const blob of this.#model.images.get(digest)?.blobs ?? []) {
      const path = `/v2/${this.#model.name}/blobs/${blob}`;
      const content = await client.call("GET", path);
      checks.check(
        digestOf(content.bytes) === blob,
        () => `${path} answered ${content.status} or other bytes`,
      );
    }
  }

  /** Mounts a blob of another worker, which may be deleting it at this moment. */
  async #mount(): Promise<void> {
    const { client, random, checks, models } = this.#parts;
    const source = random.pick(models);
    if (source.blobs.size === 0 || source === this.#model) return;
    const [digest, size] = random.pick([...source.blobs]);
    const path = `/v2/${this.#model.name}/blobs/uploads/?mount=${digest}&from=${source.name}`;
    const answer = await client.call("POST", path);
    checks.check([201, 202].includes(answer.status), () => `POST ${path} answered ${answer.status}`);
    if (answer.status === 202) {
      checks.check(source.doomedBlobs.has(digest), () => `${path} did not mount what is there`);
      await client.call("DELETE", answer.headers.get("location") ?? "");
      return;
    }
    this.#model.blobs.set(digest, size);
    this.#model.goneBlobs.delete(digest);
    await this.#expect(`blobs/${digest}`, 200);
  }

  async #deleteTag(tag: string): Promise<void> {
    if (!(await this.#delete(`manifests/${tag}`))) return;
    this.#model.removeTag(tag);
    await this.#expect(`manifests/${tag}`, 404);
  }

  async #deleteImage(digest: Digest): Promise<void> {
    if (!(await this.#delete(`manifests/${digest}`))) return;
    this.#model.removeImage(digest);
    await this.#expect(`manifests/${digest}`, 404);
  }

  /** Deletes a blob that no manifest names, right after every instance has served it. */
  async #deleteBlob(): Promise<void> {
    const unused = [...this.#model.blobs.keys()].filter((digest) => !this.#model.isUsed(digest));
    const digest = unused.length > 0 ? this.#parts.random.pick(unused) : (await this.#pushBlob()).digest;
    await this.#expect(`blobs/${digest}`, 200);
    this.#model.doomedBlobs.add(digest);
    if (!(await this.#delete(`blobs/${digest}`))) return;
    this.#model.removeBlob(digest);
    await this.#expect(`blobs/${digest}`, 404);
  }

  async #list(): Promise<void> {
    const path = `/v2/${this.#model.name}/tags/list`;
    const found = await this.#parts.client.call("GET", path);
    const { tags } = JSON.parse(new TextDecoder().decode(found.bytes)) as {
      readonly tags: readonly string[];
    };
    const expected = [...this.#model.tags.keys()].toSorted();
    this.#parts.checks.check(
      JSON.stringify(tags) === JSON.stringify(expected),
      () => `${path} lists ${tags}, not ${expected}`,
    );
  }

  /** Sends a delete. A repeated request can get 404, because an earlier one succeeded. */
  async #delete(what: string): Promise<boolean> {
    const path = `/v2/${this.#model.name}/${what}`;
    const { status, repeated } = await this.#parts.client.call("DELETE", path);
    const deleted = status === 202 || (repeated && status === 404);
    this.#parts.checks.check(deleted, () => `DELETE ${path} answered ${status}`);
    return deleted;
  }

  async #expect(what: string, status: number): Promise<void> {
    const path = `/v2/${this.#model.name}/${what}`;
    for (let look = 0; look < LOOKS; look += 1) {
      const seen = await this.#parts.client.call("HEAD", path);
      this.#parts.checks.check(
        seen.status === status,
        () => `HEAD ${path} answered ${seen.status}, not ${status}`,
      );
    }
  }

  #manifestPath(tag: string): string {
    return `/v2/${this.#model.name}/manifests/${tag}`;
  }

  #anyTag(): string {
    return `t${this.#parts.random.below(TAGS)}`;
  }

  /** A number that is never returned again. */
  #unique(): number {
    this.#made += 1;
    return this.#parts.models.indexOf(this.#model) * 1_000_000 + this.#made;
  }
}
