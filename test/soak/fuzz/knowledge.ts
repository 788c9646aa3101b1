import { digestOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import type { Random } from "../../support/random.ts";

/** Only a few repositories, so that requests affect each other. */
const REPOSITORIES = ["a", "b/c", "deep/er/name", "x-1.y_z"];
const TAGS = ["latest", "v1", "v2", "_", "a".repeat(128)];

/** Maximum things to remember of each kind; the oldest are dropped first. */
const MEMORY = 40;

/** Remembers what the fuzzer has pushed or seen, so that its requests name existing things. */
export class Knowledge {
  readonly #random: Random;
  readonly blobs: { repository: string; digest: string; size: number }[] = [];
  readonly manifests: { repository: string; digest: string; mediaType: string; size: number }[] = [];
  readonly uploads: { location: string; size: number }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  repository(): string {
    return this.#random.pick(REPOSITORIES);
  }

  tag(): string {
    return this.#random.pick(TAGS);
  }

  /** A digest of existing content; sometimes one of no content. */
  digest(): string {
    const known = [...this.blobs, ...this.manifests];
    if (known.length === 0 || this.#random.oneIn(5)) return digestOf(this.#random.bytes(8));
    return this.#random.pick(known).digest;
  }

  /** Bytes of a blob: mostly few, sometimes a few hundred thousand. */
  content(): Uint8Array<ArrayBuffer> {
    return this.#random.bytes(this.#random.oneIn(20) ? this.#random.below(400_000) : this.#random.below(300));
  }

  /** Text of a manifest, with blobs and manifests that mostly exist. */
  manifest(repository: string): { readonly text: string; readonly mediaType: string } {
    const here = (each: { repository: string }) => each.repository === repository || this.#random.oneIn(10);
    const blobs = this.blobs
      .filter(here)
      .map(({ digest, size }) => ({ mediaType: "application/x", digest, size }));
    const children = this.manifests
      .filter(here)
      .map(({ digest, size, mediaType }) => ({ mediaType, digest, size }));
    const some = <Value>(values: readonly Value[]) => values.filter(() => this.#random.oneIn(3)).slice(0, 5);
    const subject =
      this.#random.oneIn(3) && children.length > 0 ? { subject: this.#random.pick(children) } : {};
    const note = { annotations: { note: String(this.#random.below(1000)) } };
    if (this.#random.oneIn(3)) {
      const mediaType = this.#random.pick([MediaType.ociIndex, MediaType.dockerList]);
      const index = { schemaVersion: 2, mediaType, manifests: some(children), ...subject, ...note };
      return { text: JSON.stringify(index), mediaType };
    }
    const mediaType = this.#random.pick([MediaType.ociManifest, MediaType.dockerManifest]);
    const config = blobs.length > 0 ? { config: this.#random.pick(blobs) } : {};
    const image = { schemaVersion: 2, mediaType, ...config, layers: some(blobs), ...subject, ...note };
    return { text: JSON.stringify(image), mediaType };
  }

  /** Forgets what is old. */
  trim(): void {
    for (const list of [this.blobs, this.manifests, this.uploads])
      list.splice(0, Math.max(0, list.length - MEMORY));
  }
}
