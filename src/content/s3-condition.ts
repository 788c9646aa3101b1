import type { StorageCondition } from "../oci/storage-error.ts";

/** Errors by name, for servers that send them with various statuses. */
const BY_NAME: Readonly<Record<string, StorageCondition>> = {
  NoSuchBucket: "gone",
  QuotaExceeded: "full",
  StorageFull: "full",
  XMinioStorageFull: "full",
  XMinioAdminBucketQuotaExceeded: "full",
  InsufficientStorage: "full",
  SlowDown: "busy",
};

const BY_STATUS: Readonly<Record<number, StorageCondition>> = {
  401: "denied",
  403: "denied",
  429: "busy",
  500: "failing",
  502: "unreachable",
  503: "busy",
  504: "unreachable",
  507: "full",
};

/** The condition of the S3 server that a failed request shows; `undefined` if it shows none. */
export function s3Condition(error: unknown): StorageCondition | undefined {
  if (!(error instanceof Error)) return undefined;
  if (Object.hasOwn(BY_NAME, error.name)) return BY_NAME[error.name];
  if (error.name === "TimeoutError") return "unreachable";
  // The SDK records its attempts on every error. Without a status, no server sent the error.
  if (!("$metadata" in error)) return undefined;
  const { httpStatusCode: status } = error.$metadata as { readonly httpStatusCode?: number };
  return status === undefined ? "unreachable" : BY_STATUS[status];
}
