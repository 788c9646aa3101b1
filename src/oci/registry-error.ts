/**
 * The failures that a caller can act on.
 *
 * Faults are finer than the error codes of the distribution specification, because one code can need several statuses.
 * `http/error-reply.ts` maps each fault to a status and a code; a fault without a row does not compile.
 */
export type Fault =
  | "access-denied"
  | "authentication-required"
  | "blob-unknown"
  | "build-failed"
  | "build-unavailable"
  | "digest-invalid"
  | "digest-mismatch"
  | "digest-unsupported"
  | "length-mismatch"
  | "length-required"
  | "manifest-blob-unknown"
  | "manifest-invalid"
  | "manifest-too-large"
  | "manifest-unknown"
  | "method-not-allowed"
  | "name-invalid"
  | "name-unknown"
  | "package-conflict"
  | "package-unknown"
  | "page-size-invalid"
  | "precondition-failed"
  | "range-invalid"
  | "range-not-satisfiable"
  | "request-invalid"
  | "route-unknown"
  | "size-mismatch"
  | "storage-full"
  | "storage-unavailable"
  | "tag-invalid"
  | "too-many-requests"
  | "too-many-tags"
  | "upload-busy"
  | "upload-cancelled"
  | "upload-invalid"
  | "upload-out-of-order"
  | "upload-unknown";

/** A failure to report to the client. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly fault: Fault;
  /** Sent to the client as the error's `detail`; never a path, a secret or a stack. */
  readonly detail: unknown;

  constructor(fault: Fault, message: string, options: { detail?: unknown; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.detail = options.detail;
  }
}

/** Several failures of one kind in one request, reported together in the given order. */
export class RegistryErrors extends Error {
  override readonly name = "RegistryErrors";
  readonly errors: readonly RegistryError[];

  constructor(errors: readonly RegistryError[]) {
    super(errors.map((error) => error.message).join("; "));
    this.errors = errors;
  }
}
