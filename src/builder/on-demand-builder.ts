import type { Logger } from "../log.ts";
import type { BlobLinks, BuildLedger, BuiltImage } from "../metadata/metadata-store.ts";
import type { Descriptor, Platform } from "../oci/descriptor.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { WorkLocks } from "../oci/work-locks.ts";
import type { ImageBuilder } from "../registry/image-builder.ts";
import type { ImageStore } from "../registry/image-store.ts";
import type { ImageOutcome, ProgressListener } from "./build-progress.ts";
import { ConcurrencyLimit } from "./concurrency-limit.ts";
import { assembleImage, assembleLockArtifact, blobsOf, type ImageDocument } from "./image-assembly.ts";
import { buildLayers } from "./image-build.ts";
import { createLock, type ImageLock } from "./image-lock.ts";
import { type ImageRequest, isImageRequest, parseImageRequest } from "./image-request.ts";
import { LayerBuilder } from "./layer-builder.ts";
import type { PackageSource, ResolvedPackage, SourceAvailability, StepContext } from "./package-source.ts";
import { SharedWork } from "./shared-work.ts";

/** How images are built on demand. */
export interface OnDemandOptions {
  /** What images run on unless their name says otherwise. */
  readonly platform: Platform;
  /** Most layers of an image, 2 to 120. */
  readonly layerBudget: number;
  /** An image resolved longer ago is resolved again when it is asked for. */
  readonly refreshSeconds: number;
  /** Builds that run side by side; more wait. */
  readonly concurrentBuilds: number;
  /** A build that takes longer fails; the time it waits for its turn does not count. */
  readonly timeoutSeconds: number;
}

/** What {@link OnDemandBuilder} works with. */
export interface OnDemandParts {
  readonly source: PackageSource;
  readonly store: ImageStore;
  readonly ledger: BuildLedger & Pick<BlobLinks, "findLinkedBlob">;
  readonly log: Logger;
  /** Keeps instances from building the same image at once. */
  readonly locks: WorkLocks;
}

/** What stands under a name: nothing, what a client pushed, or what was built, lately or long ago. */
type Standing =
  | { readonly state: "absent" | "pushed" | "fresh" }
  | { readonly state: "stale"; readonly image: BuiltImage };

/** What stood under a name, and until when that need not be asked again, in milliseconds since the epoch. */
interface Remembered {
  readonly digest: Digest;
  readonly until: number;
  readonly standing: Standing;
}

const MAX_REMEMBERED = 10_000;
const SILENT: ProgressListener = () => {};

/** Builds the images that nobody pushed, and keeps those that it built fresh. */
export class OnDemandBuilder implements ImageBuilder {
  readonly #options: OnDemandOptions;
  readonly #parts: OnDemandParts;
  readonly #layers: LayerBuilder;
  readonly #running = new SharedWork<void>();
  readonly #limit: ConcurrencyLimit;
  /** By name asked for: spares a look into the ledger on a warm pull. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(parts: OnDemandParts, options: OnDemandOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#layers = new LayerBuilder(parts.store, parts.ledger);
    this.#limit = new ConcurrencyLimit(options.concurrentBuilds);
  }

  /** Whether the package source can be used on this host. */
  available(): Promise<SourceAvailability> {
    return this.#parts.source.available();
  }

  claims(repository: RepositoryName, reference: Reference): boolean {
    return isImageRequest(repository, reference);
  }

  /** As {@link ImageBuilder.ensure}; the one who starts the build is told of its progress. */
  async ensure(
    repository: RepositoryName,
    reference: Reference,
    signal?: AbortSignal,
    progress: ProgressListener = SILENT,
  ): Promise<void> {
    const { state } = await this.#standingOf(repository, reference as Tag);
    if (state === "pushed" || state === "fresh") return;
    const request = parseImageRequest(repository, reference, this.#options.platform);
    const tag = reference as Tag;
    const name = `${repository}:${tag}`;
    const alone = (work: () => Promise<void>, shared: AbortSignal) =>
      this.#limit.run(() => this.#parts.locks.run(`image/${name}`, work, shared), shared);
    await this.#running.run(name, signal, (shared) =>
      alone(async () => {
        const deadline = AbortSignal.timeout(this.#options.timeoutSeconds * 1000);
        try {
          const context = { progress, signal: AbortSignal.any([shared, deadline]) };
          await this.#bringUpToDate(repository, tag, request, context);
        } catch (cause) {
          shared.throwIfAborted();
          const failure = asFault(cause, deadline, this.#parts.log);
          if (state !== "stale") throw failure;
          this.#parts.log.warn(
            { repository, err: failure },
            "the image could not be refreshed; the old one stays",
          );
        }
      }, shared),
    );
  }

  /** What stands under a name. */
  async #standingOf(repository: RepositoryName, tag: Tag): Promise<Standing> {
    const { store, ledger } = this.#parts;
    const stored = await store.findManifest(repository, tag);
    if (stored === undefined) return { state: "absent" };
    const remembered = this.#remembered.get(`${repository}:${tag}`);
    if (remembered?.digest === stored.digest && Date.now() < remembered.until) return remembered.standing;
    const image = await ledger.findBuiltImage(repository, tag);
    if (image?.manifestDigest === stored.digest) return this.#rememberBuilt(image);
    const until = Date.now() + this.#options.refreshSeconds * 1000;
    return this.#remember(repository, tag, { digest: stored.digest, until, standing: { state: "pushed" } });
  }

  #rememberBuilt(image: BuiltImage): Standing {
    const until = image.resolvedAt.getTime() + this.#options.refreshSeconds * 1000;
    if (Date.now() >= until) return { state: "stale", image };
    const { repository, tag, manifestDigest } = image;
    return this.#remember(repository, tag, { digest: manifestDigest, until, standing: { state: "fresh" } });
  }

  #remember(repository: RepositoryName, tag: Tag, remembered: Remembered): Standing {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(`${repository}:${tag}`, remembered);
    return remembered.standing;
  }

  async #bringUpToDate(
    repository: RepositoryName,
    tag: Tag,
    request: ImageRequest,
    context: StepContext,
  ): Promise<void> {
    // Another process, or a push, may have come first while this one waited for its turn.
    const standing = await this.#standingOf(repository, tag);
    if (standing.state === "pushed" || standing.state === "fresh") return;
    const current = standing.state === "stale" ? standing.image : undefined;
    const { source } = this.#parts;
    const resolvedAt = new Date();
    const closure = await source.resolve(request, context);
    const lock = createLock(source, request, closure, this.#options.layerBudget);
    const publish = async (manifestDigest: Digest, outcome: ImageOutcome): Promise<void> => {
      const image = { repository, tag, manifestDigest, lockDigest: lock.digest, resolvedAt };
      // A client that moved or removed the tag meanwhile has the last word.
      if (!(await this.#parts.ledger.publishBuiltImage(image, current?.manifestDigest))) return;
      this.#rememberBuilt(image);
      context.progress({ kind: "image-done", digest: manifestDigest, outcome });
    };
    if (current?.lockDigest === lock.digest && (await this.#isWhole(current))) {
      await publish(current.manifestDigest, "unchanged");
      return;
    }
    const twin = await this.#linkTwin(repository, lock);
    const manifest = twin ?? (await this.#build(repository, request, closure, lock, context));
    const digest = await this.#push(repository, manifest, lock);
    await publish(digest, twin === undefined ? "built" : "linked");
  }

  /** Whether all that an image consists of can be pulled: a client may have deleted some of it. */
  async #isWhole({ repository, manifestDigest }: BuiltImage): Promise<boolean> {
    const { store, ledger } = this.#parts;
    const stored = await store.findManifest(repository, manifestDigest);
    if (stored === undefined) return false;
    const servable = await Promise.all(
      blobsOf(stored.bytes).map(async (blob) => {
        const linked = await ledger.findLinkedBlob(repository, blob.digest);
        return linked !== undefined && (await store.holds(linked));
      }),
    );
    return !servable.includes(false);
  }

  /** The manifest of an image that was built from the same lock under another name, with its blobs linked here. */
  async #linkTwin(repository: RepositoryName, lock: ImageLock): Promise<ImageDocument | undefined> {
    const { store, ledger } = this.#parts;
    const twin = await ledger.findImageByLock(lock.digest);
    if (twin === undefined) return undefined;
    const stored = await store.findManifest(twin.repository, twin.manifestDigest);
    if (stored === undefined) return undefined;
    const blobs = blobsOf(stored.bytes);
    const held = await Promise.all(blobs.map((blob) => store.holds(blob)));
    if (held.includes(false)) return undefined;
    await store.link(repository, blobs);
    const { mediaType, bytes } = stored;
    return { bytes, descriptor: { mediaType, digest: twin.manifestDigest, size: bytes.byteLength } };
  }

  async #build(
    repository: RepositoryName,
    request: ImageRequest,
    closure: readonly ResolvedPackage[],
    lock: ImageLock,
    context: StepContext,
  ): Promise<ImageDocument> {
    const { source, store, log } = this.#parts;
    const { layerBudget } = this.#options;
    const startedAt = Date.now();
    const { layers, facts } = await buildLayers(source, this.#layers, request, closure, layerBudget, context);
    const image = assembleImage(request.platform, request.packages, layers, source.settings(facts));
    await this.#ingest(image.config.bytes, image.config.descriptor);
    await store.link(repository, blobsOf(image.manifest.bytes));
    log.info(
      {
        repository,
        lock: lock.digest,
        packages: closure.length,
        layers: layers.length,
        durationMs: Date.now() - startedAt,
      },
      "image built",
    );
    return image.manifest;
  }

  /** Pushes the image and the lock that refers to it, both without a tag. */
  async #push(repository: RepositoryName, image: ImageDocument, lock: ImageLock): Promise<Digest> {
    const { store } = this.#parts;
    const { mediaType } = image.descriptor;
    const digest = await store.pushManifest(repository, { mediaType, bytes: image.bytes, tags: [] });
    const artifact = assembleLockArtifact(image.descriptor, lock);
    const lockBlob = { digest: lock.digest, size: lock.bytes.byteLength };
    await this.#ingest(lock.bytes, lockBlob);
    await this.#ingest(artifact.empty.bytes, artifact.empty.descriptor);
    await store.link(repository, [lockBlob, artifact.empty.descriptor]);
    await store.pushManifest(repository, {
      mediaType: MediaType.ociManifest,
      bytes: artifact.manifest.bytes,
      tags: [],
    });
    return digest;
  }

  async #ingest(bytes: Uint8Array, blob: Pick<Descriptor, "digest" | "size">): Promise<void> {
    const { store } = this.#parts;
    if (await store.holds({ digest: blob.digest, size: blob.size })) return;
    const stored = await store.ingest(once(bytes));
    if (stored.digest !== digestOf(bytes)) throw new Error("the store gave a document another digest");
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** A fault as it is; of anything else the log is told all, and the client only that the build failed. */
function asFault(cause: unknown, deadline: AbortSignal, log: Logger): RegistryError {
  if (cause instanceof RegistryError) return cause;
  if (deadline.aborted)
    return new RegistryError("build-failed", "the build took longer than it may", { cause });
  log.error({ err: cause }, "a build failed");
  return new RegistryError("build-failed", "the image could not be built", { cause });
}
