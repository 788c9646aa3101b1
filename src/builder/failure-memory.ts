import { LRUCache } from "lru-cache";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import { type PackageRequest, type PackageSource, requestsByPlatform } from "./package-source.ts";

interface RememberedFailure {
  readonly error: RegistryError;
  readonly revision: string;
  /** In milliseconds since the epoch. */
  readonly until: number;
}

/** A request, and the source that it is for. */
interface Asked {
  readonly source: Pick<PackageSource, "name">;
  readonly request: PackageRequest;
}

const MAX_REMEMBERED = 1000;

/** For failures that may soon be over, such as a mirror that does not answer. */
const TRANSIENT_SECONDS = 10;

/**
 * The maximum time to remember each fault, in seconds. Other faults are not remembered: after a full disk, for example,
 * a build can succeed as soon as there is room again.
 */
const REMEMBERED: Readonly<Partial<Record<Fault, number>>> = {
  "package-unknown": Number.POSITIVE_INFINITY,
  "package-conflict": Number.POSITIVE_INFINITY,
  "build-failed": TRANSIENT_SECONDS,
  "build-unavailable": TRANSIENT_SECONDS,
};

/** Remembers for a while which requests could not be built, so that repeating them costs nothing. */
export class FailureMemory {
  readonly #seconds: number;
  /** By request. Only {@link add} counts as use, so the oldest failure goes first. */
  readonly #failures = new LRUCache<string, RememberedFailure>({ max: MAX_REMEMBERED });

  /** @param seconds how long failures are remembered; transient ones for 10 seconds at most */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** The recent failure of an equal request, if there is one and the packages are in the same state. */
  find(asked: Asked, revision: string): RegistryError | undefined {
    const key = keyOf(asked);
    const failure = this.#failures.peek(key);
    if (failure === undefined) return undefined;
    // Keep a failure with another revision: this request may have waited while the lists were refreshed.
    if (Date.now() < failure.until) return failure.revision === revision ? failure.error : undefined;
    this.#failures.delete(key);
    return undefined;
  }

  /** Remembers a failure without its cause, if it is of a kind to remember. Forgets the oldest one when full. */
  add(asked: Asked, revision: string, error: RegistryError): void {
    const seconds = Math.min(this.#seconds, REMEMBERED[error.fault] ?? 0);
    if (seconds === 0) return;
    const until = Date.now() + seconds * 1000;
    this.#failures.set(keyOf(asked), { error: withoutCause(error), revision, until });
  }
}

/** A copy without the cause: that can contain a command's whole output, too much to keep a thousand times. */
function withoutCause({ fault, message, detail }: RegistryError): RegistryError {
  return new RegistryError(fault, message, { detail });
}

/** Equal requests have the same key. */
function keyOf({ source, request }: Asked): string {
  const platforms = requestsByPlatform(request).map(
    ({ platform }) => `${platform.os}/${platform.architecture}`,
  );
  return [source.name, platforms.join(","), request.revision, ...request.packages].join(" ");
}
