import { type Fault, RegistryError, RegistryErrors } from "../oci/registry-error.ts";
import { jsonReply, type Reply } from "./reply.ts";

/** The error codes of the specification, and one of Distribution's that clients look for. */
type WireCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "SIZE_INVALID"
  | "TOOMANYREQUESTS"
  | "UNAUTHORIZED"
  | "UNSUPPORTED";

/** Status and code of every fault (distribution-spec, "Error Codes"). A new fault without a row does not compile. */
export const WIRE: Readonly<Record<Fault, { readonly status: number; readonly code: WireCode }>> = {
  "access-denied": { status: 403, code: "DENIED" },
  "authentication-required": { status: 401, code: "UNAUTHORIZED" },
  "blob-unknown": { status: 404, code: "BLOB_UNKNOWN" },
  "build-failed": { status: 503, code: "MANIFEST_UNKNOWN" },
  "build-unavailable": { status: 404, code: "MANIFEST_UNKNOWN" },
  "digest-invalid": { status: 400, code: "DIGEST_INVALID" },
  "digest-mismatch": { status: 400, code: "DIGEST_INVALID" },
  "digest-unsupported": { status: 400, code: "DIGEST_INVALID" },
  "length-mismatch": { status: 400, code: "SIZE_INVALID" },
  "length-required": { status: 411, code: "SIZE_INVALID" },
  "manifest-blob-unknown": { status: 400, code: "MANIFEST_BLOB_UNKNOWN" },
  "manifest-invalid": { status: 400, code: "MANIFEST_INVALID" },
  "manifest-too-large": { status: 413, code: "MANIFEST_INVALID" },
  "manifest-unknown": { status: 404, code: "MANIFEST_UNKNOWN" },
  "method-not-allowed": { status: 405, code: "UNSUPPORTED" },
  "name-invalid": { status: 400, code: "NAME_INVALID" },
  "name-unknown": { status: 404, code: "NAME_UNKNOWN" },
  "package-conflict": { status: 404, code: "MANIFEST_UNKNOWN" },
  "package-unknown": { status: 404, code: "MANIFEST_UNKNOWN" },
  "page-size-invalid": { status: 400, code: "PAGINATION_NUMBER_INVALID" },
  // The specification has no code for this. This one says that a push failed a check. DENIED would make clients log
  // in again, and UNSUPPORTED would make them give up.
  "precondition-failed": { status: 412, code: "MANIFEST_INVALID" },
  "range-invalid": { status: 400, code: "BLOB_UPLOAD_INVALID" },
  "range-not-satisfiable": { status: 416, code: "SIZE_INVALID" },
  "request-invalid": { status: 400, code: "UNSUPPORTED" },
  "route-unknown": { status: 404, code: "UNSUPPORTED" },
  "size-mismatch": { status: 400, code: "SIZE_INVALID" },
  // Docker and podman show only the status line of a 5xx answer, so their users read "507 Insufficient Storage".
  // Among the specification's codes, this one means "not now". DENIED and UNSUPPORTED make clients log in, or push
  // another format.
  "storage-full": { status: 507, code: "TOOMANYREQUESTS" },
  "storage-unavailable": { status: 503, code: "TOOMANYREQUESTS" },
  "tag-invalid": { status: 400, code: "MANIFEST_INVALID" },
  "too-many-requests": { status: 429, code: "TOOMANYREQUESTS" },
  "too-many-tags": { status: 414, code: "UNSUPPORTED" },
  "upload-busy": { status: 409, code: "BLOB_UPLOAD_INVALID" },
  "upload-cancelled": { status: 404, code: "BLOB_UPLOAD_UNKNOWN" },
  "upload-invalid": { status: 400, code: "BLOB_UPLOAD_INVALID" },
  "upload-out-of-order": { status: 416, code: "BLOB_UPLOAD_INVALID" },
  "upload-unknown": { status: 404, code: "BLOB_UPLOAD_UNKNOWN" },
};

/**
 * The reply to an error that the client may see; `undefined` for any other. The caller then logs the error and answers
 * with {@link internalError}.
 */
export function errorReply(error: unknown): Reply | undefined {
  const errors =
    error instanceof RegistryErrors ? error.errors : error instanceof RegistryError ? [error] : [];
  const first = errors[0];
  if (first === undefined) return undefined;
  const body = {
    errors: errors.map(({ fault, message, detail }) => ({ code: WIRE[fault].code, message, detail })),
  };
  return jsonReply(body, WIRE[first.fault].status, errorHeaders(first));
}

/** The reply to an unexpected error; it has no details. */
export function internalError(): Reply {
  const body = { errors: [{ code: "UNKNOWN", message: "internal error" }] };
  return jsonReply(body, 500);
}

/** The fields of an error's detail that affect the reply. */
interface Facts {
  readonly size?: number;
  readonly allow?: string;
  readonly retryAfterSeconds?: number;
}

function errorHeaders({ fault, detail }: RegistryError): Record<string, string> {
  const facts = (detail ?? {}) as Facts;
  switch (fault) {
    case "upload-busy":
      return { ...rangeHeader(facts), ...retryAfter(facts), Connection: "close" };
    case "upload-cancelled":
      return { Connection: "close" };
    case "upload-out-of-order":
      return rangeHeader(facts);
    case "range-not-satisfiable":
      return { "Content-Range": `bytes */${facts.size}` };
    case "method-not-allowed":
      return { Allow: facts.allow ?? "" };
    case "too-many-requests":
      // Close the connection without reading the rest of the body.
      return { ...retryAfter(facts), Connection: "close" };
    case "storage-full":
      // The rest of the client's body could not be stored, so close the connection.
      return { ...retryAfter(facts), Connection: "close" };
    case "build-failed":
    case "storage-unavailable":
      return retryAfter(facts);
    default:
      return {};
  }
}

function retryAfter({ retryAfterSeconds = 30 }: Facts): Record<string, string> {
  return { "Retry-After": String(retryAfterSeconds) };
}

function rangeHeader({ size }: Facts): Record<string, string> {
  return size === undefined ? {} : { Range: uploadRange(size) };
}

/** The `Range` header for the stored bytes of an upload: the end is inclusive, and `0-0` also means no bytes. */
export function uploadRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}
