import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { BuildLedger, BuiltImage } from "../metadata/ports/build-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageRegistry } from "../registry/image-registry.ts";
import { blobsOf, manifestsOf } from "./image-assembly.ts";

/** What is stored under a name: nothing, an image that a client pushed, or a built image, fresh or stale. */
export type StoredState =
  | { readonly state: "absent" | "pushed" | "fresh" }
  | { readonly state: "stale"; readonly image: BuiltImage };

/** The state of a name while its tag points to `digest`, valid until a time in milliseconds since the epoch. */
interface RememberedState {
  readonly digest: Digest;
  readonly until: number;
  readonly stored: StoredState;
}

const MAX_REMEMBERED = 10_000;
/** How long a complete image counts as complete without another check, in milliseconds. */
const WHOLE_FOR_MS = 10_000;

/** Finds what is stored under a name, and whether a built image is fresh and complete. */
export class StoredImages {
  readonly #registry: Pick<ImageRegistry, "findManifest" | "holds">;
  readonly #ledger: Pick<BuildLedger, "findBuiltImage">;
  readonly #links: Pick<BlobLinks, "findLinkedBlob">;
  readonly #refreshSeconds: number;
  /** States by name, so that a warm pull does not read the built image from the database. */
  readonly #remembered = new Map<string, RememberedState>();

  /** @param refreshSeconds a built image is stale when its resolution is older than this */
  constructor(
    registry: Pick<ImageRegistry, "findManifest" | "holds">,
    ledger: Pick<BuildLedger, "findBuiltImage">,
    links: Pick<BlobLinks, "findLinkedBlob">,
    refreshSeconds: number,
  ) {
    this.#registry = registry;
    this.#ledger = ledger;
    this.#links = links;
    this.#refreshSeconds = refreshSeconds;
  }

  /** What is stored under `repository:tag`. A built image that lost a part counts as stale. */
  async stateOf(repository: RepositoryName, tag: Tag): Promise<StoredState> {
    const manifest = await this.#registry.findManifest(repository, tag);
    if (manifest === undefined) return { state: "absent" };
    const { digest } = manifest;
    const remembered = this.#remembered.get(`${repository}:${tag}`);
    if (remembered?.digest === digest && Date.now() < remembered.until) return remembered.stored;
    const image = await this.#ledger.findBuiltImage(repository, tag);
    if (image?.manifestDigest !== digest) {
      const until = Date.now() + this.#refreshSeconds * 1000;
      return this.#remember(repository, tag, { digest, until, stored: { state: "pushed" } });
    }
    const isFresh = Date.now() < this.#staleAt(image) && (await this.isWhole(image));
    return isFresh ? this.#rememberFresh(image) : { state: "stale", image };
  }

  /** Whether every blob of a built image can be pulled. A client may have deleted some, or a file may be lost. */
  async isWhole({ repository, manifestDigest }: BuiltImage): Promise<boolean> {
    return await this.#holdsAll(repository, manifestDigest);
  }

  /** Whether a manifest is there with all that it names: blobs, and the images of an index. */
  async #holdsAll(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const stored = await this.#registry.findManifest(repository, digest);
    if (stored === undefined) return false;
    const images = manifestsOf(stored.bytes).map((image) => this.#holdsAll(repository, image.digest));
    const blobs = blobsOf(stored.bytes).map(async (blob) => {
      const linked = await this.#links.findLinkedBlob(repository, blob.digest);
      return linked !== undefined && (await this.#registry.holds(linked));
    });
    return !(await Promise.all([...images, ...blobs])).includes(false);
  }

  /** Remembers an image that was just built or confirmed, and is therefore complete. */
  notePublished(image: BuiltImage): void {
    if (Date.now() < this.#staleAt(image)) this.#rememberFresh(image);
  }

  #rememberFresh(image: BuiltImage): StoredState {
    const { repository, tag, manifestDigest } = image;
    const until = Math.min(this.#staleAt(image), Date.now() + WHOLE_FOR_MS);
    return this.#remember(repository, tag, { digest: manifestDigest, until, stored: { state: "fresh" } });
  }

  /** When an image becomes stale, in milliseconds since the epoch. */
  #staleAt(image: BuiltImage): number {
    return image.resolvedAt.getTime() + this.#refreshSeconds * 1000;
  }

  #remember(repository: RepositoryName, tag: Tag, remembered: RememberedState): StoredState {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(`${repository}:${tag}`, remembered);
    return remembered.stored;
  }
}
