import { type Fault, RegistryError } from "./registry-error.ts";

/**
 * Why a storage operation failed, as far as that is known:
 *
 * - `full`: there is no space left, or a quota is used up.
 * - `read-only`: it does not allow writes.
 * - `denied`: the registry has no permission to use it.
 * - `busy`: others hold a lock, or there are no more connections or file handles.
 * - `unreachable`: its server does not answer.
 * - `failing`: the disk, or the server behind it, reports errors.
 * - `damaged`: the stored data is corrupt.
 * - `gone`: what the registry opened no longer exists.
 * - `unsynced`: it could not make written data durable, and will not say again which data that is.
 */
export type StorageCondition =
  | "full"
  | "read-only"
  | "denied"
  | "busy"
  | "unreachable"
  | "failing"
  | "damaged"
  | "gone"
  | "unsynced";

/** A failed storage operation: which storage, which operation, on what, and why. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly driver: string;
  readonly operation: string;
  readonly key: string;
  /** `undefined` if unknown, as for a bug. */
  readonly condition: StorageCondition | undefined;

  constructor(driver: string, operation: string, key: string, cause: unknown, condition?: StorageCondition) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${driver}: ${operation} ${key}: ${reason}`, { cause });
    this.driver = driver;
    this.operation = operation;
    this.key = key;
    this.condition = condition ?? systemCondition(cause);
  }
}

interface Outcome {
  readonly fault: Extract<Fault, "storage-full" | "storage-unavailable">;
  /** The message for the client. */
  readonly message: string;
  /** Advice for the operator. */
  readonly remedy: string;
}

const OUTCOMES: Readonly<Record<StorageCondition, Outcome>> = {
  full: {
    fault: "storage-full",
    message: "the registry's storage is full",
    remedy: "free some space or enlarge the storage; writes then work again without a restart",
  },
  "read-only": {
    fault: "storage-unavailable",
    message: "the registry's storage is read-only",
    remedy: "make the storage writable; if the system made it read-only, the system's log says why",
  },
  denied: {
    fault: "storage-unavailable",
    message: "the registry is not allowed to use its storage",
    remedy: "check the permissions of the files, or the credentials",
  },
  busy: {
    fault: "storage-unavailable",
    message: "the registry's storage is busy",
    remedy:
      "check whether other programs lock the database, and check the limits on connections and open files",
  },
  unreachable: {
    fault: "storage-unavailable",
    message: "the registry's storage cannot be reached",
    remedy: "check the storage's server and the network; requests work again when it answers",
  },
  failing: {
    fault: "storage-unavailable",
    message: "the registry's storage reports errors",
    remedy: "check the disk and the system's log, or the storage's server",
  },
  damaged: {
    fault: "storage-unavailable",
    message: "the registry's storage is damaged",
    remedy: "stop the server, check the disk, and restore the storage from a backup",
  },
  gone: {
    fault: "storage-unavailable",
    message: "the registry's storage is gone",
    remedy: "put the storage back (mount it, or restore it from a backup), then start the server again",
  },
  unsynced: {
    fault: "storage-unavailable",
    message: "the registry's storage could not make data durable",
    remedy: "check the disk and the system's log, then start the server again: it writes its log anew",
  },
};

/** The system's error codes for problems with a disk. `ENOENT` is not among them: it often only means "absent". */
const SYSTEM_CONDITIONS: Readonly<Record<string, StorageCondition>> = {
  ENOSPC: "full",
  EDQUOT: "full",
  // The file system, or a limit of this process, does not allow a larger file.
  EFBIG: "full",
  EROFS: "read-only",
  EACCES: "denied",
  EPERM: "denied",
  EMFILE: "busy",
  ENFILE: "busy",
  EIO: "failing",
  ENXIO: "failing",
  ENODEV: "failing",
  ESTALE: "gone",
};

/** The condition that a failed file operation shows, by the system's error code. */
export function systemCondition(error: unknown): StorageCondition | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  return Object.hasOwn(SYSTEM_CONDITIONS, error.code) ? SYSTEM_CONDITIONS[error.code] : undefined;
}

/** A storage failure, as reported to the client and to the operator. */
export interface StorageFailure {
  /** For the client, without path, server or key. */
  readonly error: RegistryError;
  readonly condition: StorageCondition;
  /** For the operator. */
  readonly remedy: string;
  /** Where it failed, if known. */
  readonly storage: Pick<StorageError, "driver" | "operation" | "key"> | undefined;
}

/** The storage failure that `error` or one of its causes describes; `undefined` if there is none. */
export function storageFailure(error: unknown): StorageFailure | undefined {
  if (error instanceof RegistryError) return undefined;
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const condition = cause instanceof StorageError ? cause.condition : systemCondition(cause);
    if (condition === undefined) continue;
    const { fault, message, remedy } = OUTCOMES[condition];
    const storage = cause instanceof StorageError ? cause : undefined;
    return {
      error: new RegistryError(fault, message, { cause: error }),
      condition,
      remedy,
      storage: storage && { driver: storage.driver, operation: storage.operation, key: storage.key },
    };
  }
  return undefined;
}
