import type { Logger } from "../log.ts";
import type { BuiltImage } from "../metadata/ports/build-ledger.ts";
import type { Platform } from "../oci/descriptor.ts";
import { MediaType } from "../oci/media-types.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageOutcome } from "./build-progress.ts";
import { assembleImage, assembleIndex, type ImageDocument } from "./image-assembly.ts";
import { buildLayers, type LayerRules } from "./image-build.ts";
import { type ImageLock, joinLocks } from "./image-lock.ts";
import type { Attachment, ImagePublisher } from "./image-publisher.ts";
import type { LayerBuilder } from "./layer-builder.ts";
import type { LockedImage } from "./locked-image.ts";
import {
  type PackageSource,
  ResolutionOutdated,
  requestsByPlatform,
  type StepContext,
} from "./package-source.ts";
import { type ResolvedImage, resolveImage, resolveLocked } from "./resolved-image.ts";
import { createSbom } from "./sbom.ts";
import type { SourceRequest } from "./source-table.ts";
import type { StoredImages } from "./stored-images.ts";

/** The parts that an {@link ImageMaker} works with. */
export interface ImageMakerParts {
  readonly layers: LayerBuilder;
  readonly stored: StoredImages;
  readonly publisher: ImagePublisher;
  readonly log: Logger;
}

/** One image to make. */
export interface ImageOrder extends SourceRequest {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  /** The built image that is stored under the name and has to be refreshed. */
  readonly previous: BuiltImage | undefined;
}

/** An image to make again from its lock, or an index from those of its images, in order. */
export interface LockedOrder {
  readonly source: PackageSource;
  readonly locks: readonly LockedImage[];
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

type ImageTarget = Pick<ImageOrder, "source" | "repository">;

interface MadeImage {
  readonly platform: Platform;
  readonly manifest: ImageDocument;
  readonly outcome: ImageOutcome;
}

/** Several attempts, because each damaged part costs one. */
const MAX_ATTEMPTS = 5;

/** Makes images: resolves the packages, then reuses an equal image or builds a new one. */
export class ImageMaker {
  readonly #parts: ImageMakerParts;
  readonly #rules: LayerRules;

  constructor(parts: ImageMakerParts, rules: LayerRules) {
    this.#parts = parts;
    this.#rules = rules;
  }

  /**
   * Makes the image, or the index of images for several platforms. Then moves the tag to it, unless a client moved the
   * tag in the meantime.
   *
   * @throws {RegistryError} what {@link PackageSource.resolve} and {@link Resolution.hold} throw
   */
  async make(order: ImageOrder, context: StepContext): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#makeOnce(order, context);
      } catch (cause) {
        if (!(cause instanceof ResolutionOutdated) || attempt === MAX_ATTEMPTS) throw cause;
        this.#parts.log.info({ repository: order.repository, reason: cause.message }, "resolving again");
      }
    }
  }

  async #makeOnce(order: ImageOrder, context: StepContext): Promise<void> {
    const { repository, tag, previous } = order;
    const { stored, publisher } = this.#parts;
    const resolvedAt = new Date();
    await using open = new AsyncDisposableStack();
    const images: ResolvedImage[] = [];
    for (const request of requestsByPlatform(order.request)) {
      const image = await resolveImage(order.source, request, this.#rules, context);
      open.use(image.resolution);
      images.push(image);
    }
    const lock = wholeLock(images);
    const publish = async (manifestDigest: BuiltImage["manifestDigest"], outcome: ImageOutcome) => {
      const image = { repository, tag, manifestDigest, lockDigest: lock.digest, resolvedAt };
      if (!(await publisher.moveTag(image, previous))) return;
      context.progress({ kind: "image-done", digest: manifestDigest, outcome });
    };
    if (previous?.lockDigest === lock.digest && (await stored.isWhole(previous))) {
      await publish(previous.manifestDigest, "unchanged");
      return;
    }
    const { document, outcome } = await this.#makeAll(order, images, context);
    await publish(document.descriptor.digest, outcome);
  }

  /**
   * Makes an image again from its lock, and moves the tag to it as a push does.
   *
   * @throws {LockError} if an image made here would have another lock
   * @throws {RegistryError} `package-unknown`, naming all packages that cannot be had any more; what
   * {@link Resolution.hold} throws
   */
  async makeLocked(order: LockedOrder, context: StepContext): Promise<void> {
    const { source, locks, repository, tag } = order;
    await using open = new AsyncDisposableStack();
    const images = locks.map((lock) => resolveLocked(source, lock, this.#rules.plan));
    for (const { resolution } of images) {
      open.use(resolution);
      const sizeBytes = resolution.parts.reduce((sum, one) => sum + one.sizeBytes, 0);
      context.progress({ kind: "resolve-done", packageCount: resolution.parts.length, sizeBytes });
    }
    const { document, outcome } = await this.#makeAll(order, images, context);
    await this.#parts.publisher.tag(repository, document, tag);
    context.progress({ kind: "image-done", digest: document.descriptor.digest, outcome });
  }

  /** Makes the images, and their index if there are several; pushes all without a tag. */
  async #makeAll(
    order: ImageTarget,
    images: readonly ResolvedImage[],
    context: StepContext,
  ): Promise<{ readonly document: ImageDocument; readonly outcome: ImageOutcome }> {
    const made: MadeImage[] = [];
    for (const image of images) made.push(await this.#makeImage(order, image, context));
    const [first, ...further] = made;
    if (first === undefined) throw new Error("a request for no platform");
    if (further.length === 0) return { document: first.manifest, outcome: first.outcome };
    const index = assembleIndex(images[0]?.resolution.description ?? "", made);
    await this.#parts.publisher.push(order.repository, index, [lockAttachment(wholeLock(images))]);
    return { document: index, outcome: "built" };
  }

  /** Links an equal image or builds one; pushes it without a tag. */
  async #makeImage(order: ImageTarget, image: ResolvedImage, context: StepContext): Promise<MadeImage> {
    const { publisher } = this.#parts;
    const { repository } = order;
    const twin = await publisher.linkTwin(repository, image.lock);
    const manifest = twin ?? (await this.#build(order, image, context));
    const sbom = createSbom({ ...image, image: manifest.descriptor });
    await publisher.push(repository, manifest, [
      lockAttachment(image.lock),
      { type: MediaType.spdx, bytes: sbom },
    ]);
    const outcome = twin === undefined ? "built" : "linked";
    return { platform: image.request.platform, manifest, outcome };
  }

  async #build(
    { repository, source }: ImageTarget,
    { request, resolution, lock, rules }: ResolvedImage,
    context: StepContext,
  ): Promise<ImageDocument> {
    const { layers: builder, publisher, log } = this.#parts;
    const startedAt = Date.now();
    const { layers, facts } = await buildLayers(source.formatVersion, resolution, builder, rules, context);
    const settings = resolution.settings(facts);
    const image = assembleImage(request.platform, resolution.description, layers, settings);
    await publisher.storeConfig(repository, image.config, image.manifest);
    log.info(
      {
        repository,
        lock: lock.digest,
        packages: resolution.parts.length,
        layers: layers.length,
        durationMs: Date.now() - startedAt,
      },
      "image built",
    );
    return image.manifest;
  }
}

/** The lock of an image, or of the index of several. */
function wholeLock(images: readonly ResolvedImage[]): ImageLock {
  const [only, ...others] = images.map(({ lock }) => lock);
  return only === undefined || others.length > 0 ? joinLocks(images.map(({ lock }) => lock)) : only;
}

function lockAttachment({ bytes }: ImageLock): Attachment {
  return { type: MediaType.slipwayLock, bytes };
}
