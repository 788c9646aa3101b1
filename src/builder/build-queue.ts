import { unlessAborted } from "../concurrency/unless-aborted.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { ImageWaiter } from "../registry/image-builder.ts";
import { FairLines } from "./fair-lines.ts";

/** Bounds of a {@link BuildQueue}. */
export interface BuildQueueOptions {
  /** Maximum builds that run at the same time. */
  readonly places: number;
  /** Maximum builds that wait, for all callers together. */
  readonly maxWaiting: number;
  /** Maximum builds that wait for one caller. */
  readonly maxWaitingPerCaller: number;
}

type Work = (signal: AbortSignal) => Promise<void>;

/** One caller's requests for one build. */
interface Want {
  requestCount: number;
  /** Abort this to refuse the requests. */
  readonly refusal: AbortController;
}

/** A build that waits or runs. */
interface Build {
  readonly name: string;
  /** The callers that want it, with their requests. */
  readonly wants: Map<string, Want>;
  /** Abort this to stop the build. */
  readonly controller: AbortController;
  /** Starts the build. `undefined` unless the build waits. */
  admit: (() => void) | undefined;
  result: Promise<void>;
}

/** When a refused caller may try again. */
const RETRY_AFTER_SECONDS = 10;

/**
 * Runs a few builds at a time and lets callers take turns, so that a caller with many builds does not hold up others.
 *
 * Requests for the same name share one build. The build waits in the line of each caller that wants it, and runs as
 * soon as it is first in one of them. When no request wants it any more, it is stopped.
 *
 * The number of waiting builds is limited, per caller and in total. When the total is reached, a new build replaces the
 * newest build in the longest line, and the requests for that build are refused. If no line is longer than the new
 * build's own, the new build is refused.
 */
export class BuildQueue {
  readonly #options: BuildQueueOptions;
  /** Waiting and running builds, by name. */
  readonly #builds = new Map<string, Build>();
  readonly #lines = new FairLines<Build>();
  #freePlaces: number;

  constructor(options: BuildQueueOptions) {
    this.#options = options;
    this.#freePlaces = options.places;
  }

  /**
   * Joins the build called `name`, or runs `work` when its turn comes.
   *
   * @throws {RegistryError} `too-many-requests` when too many builds wait
   * @throws the work's own error, or the reason of the waiter's signal as soon as it is aborted
   */
  async run(name: string, { callerKey, signal }: ImageWaiter, work: Work): Promise<void> {
    signal?.throwIfAborted();
    const build = this.#join(name, callerKey, work);
    const want = build.wants.get(callerKey) as Want;
    want.requestCount += 1;
    const { signal: refused } = want.refusal;
    const gone = signal === undefined ? refused : AbortSignal.any([signal, refused]);
    try {
      await unlessAborted(build.result, gone);
    } finally {
      want.requestCount -= 1;
      if (want.requestCount === 0 && build.wants.get(callerKey) === want) this.#unwant(build, callerKey);
    }
  }

  /** Makes the caller want the build called `name`, creating it if needed. @throws {RegistryError} `too-many-requests` */
  #join(name: string, caller: string, work: Work): Build {
    const known = this.#builds.get(name);
    if (known?.wants.has(caller)) return known;
    const mustWait = known === undefined ? this.#freePlaces === 0 : known.admit !== undefined;
    if (mustWait) this.#makeRoom(caller);
    // Making room may have ended the known build.
    const build = this.#builds.get(name) ?? this.#start(name, work);
    build.wants.set(caller, { requestCount: 0, refusal: new AbortController() });
    if (mustWait) this.#lines.add(caller, build);
    return build;
  }

  /** Makes room in the caller's line for one more build. @throws {RegistryError} `too-many-requests` */
  #makeRoom(caller: string): void {
    const { maxWaiting, maxWaitingPerCaller } = this.#options;
    const ownLength = this.#lines.lengthOf(caller);
    if (ownLength >= maxWaitingPerCaller) throw tooManyWaiting();
    if (this.#lines.size < maxWaiting) return;
    const longest = this.#lines.longest();
    if (longest === undefined || longest.length <= ownLength + 1) throw tooManyWaiting();
    longest.newest.wants.get(longest.caller)?.refusal.abort(tooManyWaiting());
    this.#unwant(longest.newest, longest.caller);
  }

  #unwant(build: Build, caller: string): void {
    build.wants.delete(caller);
    this.#lines.remove(caller, build);
    if (build.wants.size > 0) return;
    this.#forget(build);
    build.controller.abort(new Error("no request is waiting for the image"));
  }

  #start(name: string, work: Work): Build {
    const build: Build = {
      name,
      wants: new Map(),
      controller: new AbortController(),
      admit: undefined,
      result: Promise.resolve(),
    };
    this.#builds.set(name, build);
    build.result = this.#perform(build, work);
    // Avoids an unhandled rejection: when all requests have left a build, nothing awaits it.
    build.result.catch(() => {});
    return build;
  }

  async #perform(build: Build, work: Work): Promise<void> {
    const { signal } = build.controller;
    if (this.#freePlaces > 0) this.#freePlaces -= 1;
    else await this.#turn(build, signal);
    try {
      await work(signal);
    } finally {
      this.#forget(build);
      this.#freePlaces += 1;
      this.#admitNext();
    }
  }

  /** Waits for the build's turn. @throws the signal's reason, if it is aborted first */
  async #turn(build: Build, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    build.admit = resolve;
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    await promise;
  }

  #admitNext(): void {
    const build = this.#lines.next();
    if (build === undefined) return;
    for (const caller of build.wants.keys()) this.#lines.remove(caller, build);
    this.#freePlaces -= 1;
    build.admit?.();
    build.admit = undefined;
  }

  /** Lets the next request for the name start a new build. */
  #forget(build: Build): void {
    if (this.#builds.get(build.name) === build) this.#builds.delete(build.name);
  }
}

function tooManyWaiting(): RegistryError {
  return new RegistryError("too-many-requests", "too many images are waiting to be built; try again later", {
    detail: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
