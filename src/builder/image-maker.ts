import type { Logger } from "../log.ts";
import type { BuiltImage } from "../metadata/metadata-store.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageOutcome } from "./build-progress.ts";
import { assembleImage, type ImageDocument } from "./image-assembly.ts";
import { buildLayers } from "./image-build.ts";
import { createLock, type ImageLock } from "./image-lock.ts";
import type { ImagePublisher } from "./image-publisher.ts";
import type { ImageRequest } from "./image-request.ts";
import type { LayerBuilder } from "./layer-builder.ts";
import type { PackageSource, ResolvedPackage, StepContext } from "./package-source.ts";
import type { StoredImages } from "./stored-images.ts";

/** The parts that an {@link ImageMaker} works with. */
export interface ImageMakerParts {
  readonly source: PackageSource;
  readonly layers: LayerBuilder;
  readonly stored: StoredImages;
  readonly publisher: ImagePublisher;
  readonly log: Logger;
}

/** One image to make. */
export interface ImageOrder {
  readonly repository: RepositoryName;
  readonly tag: Tag;
  readonly request: ImageRequest;
  /** The built image that is stored under the name and has to be refreshed. */
  readonly previous: BuiltImage | undefined;
}

/** Makes images: resolves the packages, then reuses an equal image or builds a new one. */
export class ImageMaker {
  readonly #parts: ImageMakerParts;
  readonly #layerBudget: number;

  /** @param layerBudget maximum layers of an image, 2 to 120 */
  constructor(parts: ImageMakerParts, layerBudget: number) {
    this.#parts = parts;
    this.#layerBudget = layerBudget;
  }

  /**
   * Makes the image and moves the tag to it, unless a client moved the tag meanwhile.
   *
   * @throws {RegistryError} what {@link PackageSource.resolve} and {@link PackageSource.fetch} throw
   */
  async make(order: ImageOrder, context: StepContext): Promise<void> {
    const { repository, tag, request, previous } = order;
    const { source, stored, publisher } = this.#parts;
    const resolvedAt = new Date();
    const closure = await source.resolve(request, context);
    const lock = createLock(source, request, closure, this.#layerBudget);
    const publish = async (manifestDigest: BuiltImage["manifestDigest"], outcome: ImageOutcome) => {
      const image = { repository, tag, manifestDigest, lockDigest: lock.digest, resolvedAt };
      if (!(await publisher.moveTag(image, previous))) return;
      context.progress({ kind: "image-done", digest: manifestDigest, outcome });
    };
    if (previous?.lockDigest === lock.digest && (await stored.isWhole(previous))) {
      await publish(previous.manifestDigest, "unchanged");
      return;
    }
    const twin = await publisher.linkTwin(repository, lock);
    const manifest = twin ?? (await this.#build(order, closure, lock, context));
    const digest = await publisher.push(repository, manifest, lock);
    await publish(digest, twin === undefined ? "built" : "linked");
  }

  async #build(
    { repository, request }: ImageOrder,
    closure: readonly ResolvedPackage[],
    lock: ImageLock,
    context: StepContext,
  ): Promise<ImageDocument> {
    const { source, layers: builder, publisher, log } = this.#parts;
    const startedAt = Date.now();
    const { layers, facts } = await buildLayers(
      source,
      builder,
      request,
      closure,
      this.#layerBudget,
      context,
    );
    const image = assembleImage(request.platform, request.packages, layers, source.settings(facts));
    await publisher.storeConfig(repository, image.config, image.manifest);
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
}
