import type { WorkLocks } from "../concurrency/work-locks.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { BuildLedger } from "../metadata/ports/build-ledger.ts";
import type { Platform } from "../oci/descriptor.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageBuilder, ImageWaiter } from "../registry/image-builder.ts";
import type { ImageRegistry } from "../registry/image-registry.ts";
import type { SpoolRoom } from "./archive-spool.ts";
import { buildFailure } from "./build-failure.ts";
import type { ProgressListener } from "./build-progress.ts";
import { BuildQueue } from "./build-queue.ts";
import { FailureMemory } from "./failure-memory.ts";
import type { GzipThreads } from "./gzip-threads.ts";
import type { LayerRules } from "./image-build.ts";
import { joinLocks } from "./image-lock.ts";
import { ImageMaker, type LockedOrder } from "./image-maker.ts";
import { ImagePublisher } from "./image-publisher.ts";
import { LayerBuilder } from "./layer-builder.ts";
import { LockError } from "./lock-error.ts";
import { type PackageSource, requestsByPlatform, type StepContext } from "./package-source.ts";
import { type SourceRequest, SourceTable } from "./source-table.ts";
import { StoredImages } from "./stored-images.ts";

/** Options of an {@link OnDemandBuilder}. */
export interface OnDemandOptions {
  /** The platform of an image whose name does not choose one. */
  readonly platform: Platform;
  /** How the parts of an image become layers. */
  readonly layerRules: LayerRules;
  /** A pulled image is resolved again if its last resolution is older than this. */
  readonly refreshSeconds: number;
  /** Maximum builds that run at the same time. */
  readonly concurrentBuilds: number;
  /** Maximum builds that wait, for all callers together. */
  readonly maxWaiting: number;
  /** Maximum builds that wait for one caller. */
  readonly maxWaitingPerCaller: number;
  /** How long a failure is remembered before the build is tried again. */
  readonly failureSeconds: number;
  /** Maximum time for one build, without the wait for its turn. */
  readonly timeoutSeconds: number;
}

/** The parts that an {@link OnDemandBuilder} works with. */
export interface OnDemandParts {
  readonly sources: readonly PackageSource[];
  readonly registry: ImageRegistry;
  readonly ledger: BuildLedger;
  readonly links: Pick<BlobLinks, "findLinkedBlob">;
  readonly log: Logger;
  /** The threads that compress layers. */
  readonly gzip: GzipThreads;
  /** Where archives wait to be compressed. */
  readonly spool: SpoolRoom;
  /** Keeps instances from building the same image at the same time. */
  readonly locks: WorkLocks;
}

/** One image to bring up to date. */
interface Target extends SourceRequest {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

const SILENT: ProgressListener = () => {};
const LOG_AGAIN_MS = 60_000;
const MAX_LOGGED = 10_000;

/** Builds the images that nobody pushed, and keeps built images fresh. */
export class OnDemandBuilder implements ImageBuilder {
  readonly #options: OnDemandOptions;
  readonly #parts: OnDemandParts;
  readonly #sources: SourceTable;
  readonly #stored: StoredImages;
  readonly #maker: ImageMaker;
  readonly #queue: BuildQueue;
  readonly #failures: FailureMemory;
  /** When a failed refresh of an image was last logged, in milliseconds since the epoch; by name. */
  readonly #loggedAt = new Map<string, number>();

  constructor(parts: OnDemandParts, options: OnDemandOptions) {
    const { sources, registry, ledger, links, log } = parts;
    this.#parts = parts;
    this.#sources = new SourceTable(sources);
    this.#options = options;
    this.#stored = new StoredImages(registry, ledger, links, options.refreshSeconds);
    const layers = new LayerBuilder(registry, ledger, parts);
    const publisher = new ImagePublisher(registry, ledger, this.#stored);
    this.#maker = new ImageMaker({ layers, stored: this.#stored, publisher, log }, options.layerRules);
    const { concurrentBuilds: places, maxWaiting, maxWaitingPerCaller } = options;
    this.#queue = new BuildQueue({ places, maxWaiting, maxWaitingPerCaller });
    this.#failures = new FailureMemory(options.failureSeconds);
  }

  /** The package sources that it builds from. */
  get sources(): readonly PackageSource[] {
    return this.#sources.all;
  }

  claims(repository: RepositoryName, reference: Reference): boolean {
    return this.#sources.claims(repository, reference);
  }

  /** See {@link ImageBuilder.ensure}. Reports progress only to the caller that starts the build. */
  async ensure(
    repository: RepositoryName,
    reference: Reference,
    waiter: ImageWaiter,
    progress: ProgressListener = SILENT,
  ): Promise<void> {
    const tag = reference as Tag;
    const { state } = await this.#stored.stateOf(repository, tag);
    if (state === "pushed" || state === "fresh") return;
    const asked = this.#sources.read(repository, tag, this.#options.platform);
    try {
      await this.#bringUpToDate({ repository, tag, ...asked }, waiter, progress);
    } catch (error) {
      waiter.signal?.throwIfAborted();
      if (state !== "stale" || !(error instanceof Error)) throw error;
      this.#logFailedRefresh(`${repository}:${tag}`, error);
    }
  }

  /**
   * Builds the image of a lock again, or the index of several, and moves the tag to it as a push does.
   *
   * @throws {LockError} if this Slipway would make another image
   * @throws {RegistryError} `package-unknown`, naming all packages that cannot be had any more; `build-failed`,
   * `build-unavailable`, `storage-full`
   */
  async buildLocked(
    { repository, tag, locks }: Omit<LockedOrder, "source">,
    waiter: ImageWaiter,
    progress: ProgressListener = SILENT,
  ): Promise<void> {
    const wanted = locks[0]?.source;
    const source = this.sources.find(({ name }) => name === wanted);
    if (source === undefined) throw new LockError(`there is no package source ${wanted} here`);
    const name = `${repository}:${tag}`;
    const build = (context: StepContext) =>
      this.#maker.makeLocked({ repository, tag, locks, source }, context);
    await this.#queue.run(`${name}@${joinLocks(locks.map(({ lock }) => lock)).digest}`, waiter, (signal) =>
      this.#parts.locks.run(`image/${name}`, () => this.#inTime(build, progress, signal, () => {}), signal),
    );
  }

  /** Fails at once if the request is known to fail. Otherwise queues the build. */
  async #bringUpToDate(target: Target, waiter: ImageWaiter, progress: ProgressListener): Promise<void> {
    const { locks } = this.#parts;
    const { repository, tag, source, request } = target;
    const states: string[] = [];
    for (const one of requestsByPlatform(request)) states.push(await source.check(one, waiter.signal));
    const revision = states.join(" ");
    const failure = this.#failures.find(target, revision);
    if (failure !== undefined) throw failure;
    const name = `${repository}:${tag}`;
    await this.#queue.run(name, waiter, (signal) =>
      locks.run(`image/${name}`, () => this.#make(target, revision, signal, progress), signal),
    );
  }

  async #make(
    target: Target,
    revision: string,
    signal: AbortSignal,
    progress: ProgressListener,
  ): Promise<void> {
    const { repository, tag } = target;
    // During the wait, another process may have built the image, a client may have pushed it, or an equal request may
    // have failed.
    const stored = await this.#stored.stateOf(repository, tag);
    if (stored.state === "pushed" || stored.state === "fresh") return;
    const known = this.#failures.find(target, revision);
    if (known !== undefined) throw known;
    const previous = stored.state === "stale" ? stored.image : undefined;
    await this.#inTime(
      (context) => this.#maker.make({ ...target, previous }, context),
      progress,
      signal,
      (failure) => this.#failures.add(target, revision, failure),
    );
  }

  /** Runs a build until its deadline. Tells `onFailure` why it failed, unless `signal` stopped it. */
  async #inTime(
    build: (context: StepContext) => Promise<void>,
    progress: ProgressListener,
    signal: AbortSignal,
    onFailure: (failure: RegistryError) => void,
  ): Promise<void> {
    const deadline = AbortSignal.timeout(this.#options.timeoutSeconds * 1000);
    try {
      await build({ progress, signal: AbortSignal.any([signal, deadline]) });
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof LockError) throw cause;
      const failure = buildFailure(cause, this.#parts.log, deadline);
      onFailure(failure);
      throw failure;
    }
  }

  /**
   * Logs at most once a minute for each image, however often it is pulled. Does not log a full queue, which is not a
   * failure of the refresh.
   */
  #logFailedRefresh(image: string, error: Error): void {
    if (error instanceof RegistryError && error.fault === "too-many-requests") return;
    const now = Date.now();
    if (now - (this.#loggedAt.get(image) ?? 0) < LOG_AGAIN_MS) return;
    if (this.#loggedAt.size >= MAX_LOGGED) this.#loggedAt.clear();
    this.#loggedAt.set(image, now);
    this.#parts.log.warn({ image, err: error }, "refresh failed; serving the previous image");
  }
}
