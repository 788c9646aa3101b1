import type { Logger } from "../log.ts";
import type { BuiltImage } from "../metadata/metadata-store.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageOutcome } from "./build-progress.ts";
import { assembleImage, type ImageDocument } from "./image-assembly.ts";
import { buildLayers, type LayerRules } from "./image-build.ts";
import { createLock, type ImageLock } from "./image-lock.ts";
import type { ImagePublisher } from "./image-publisher.ts";
import type { LayerBuilder } from "./layer-builder.ts";
import { type Resolution, ResolutionOutdated, type StepContext } from "./package-source.ts";
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

interface ResolvedImage {
  readonly resolution: Resolution;
  readonly lock: ImageLock;
  readonly rules: LayerRules;
}

/** Each of several damaged parts takes one. */
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
   * Makes the image and moves the tag to it, unless a client moved the tag meanwhile.
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
    const { repository, tag, source, request, previous } = order;
    const { stored, publisher } = this.#parts;
    const resolvedAt = new Date();
    await using resolution = await source.resolve(request, context);
    const rules = rulesFor(resolution, this.#rules);
    const lock = createLock(source, request, resolution, rules);
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
    const manifest = twin ?? (await this.#build(order, { resolution, lock, rules }, context));
    const digest = await publisher.push(repository, manifest, lock);
    await publish(digest, twin === undefined ? "built" : "linked");
  }

  async #build(
    { repository, source, request }: ImageOrder,
    { resolution, lock, rules }: ResolvedImage,
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

/** The rules for a resolution, whose source may have popularity data of its own. */
function rulesFor({ popularity }: Resolution, { plan, budget }: LayerRules): LayerRules {
  return { plan: (popularity && plan.withPopularity?.(popularity)) ?? plan, budget };
}
