import { type Fault, RegistryError, RegistryErrors } from "../oci/registry-error.ts";
import { jsonResponse } from "./json-response.ts";

/** The error codes of the specification, and the one of Distribution's that its clients look for. */
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
  "range-invalid": { status: 400, code: "BLOB_UPLOAD_INVALID" },
  "range-not-satisfiable": { status: 416, code: "SIZE_INVALID" },
  "request-invalid": { status: 400, code: "UNSUPPORTED" },
  "route-unknown": { status: 404, code: "UNSUPPORTED" },
  "size-mismatch": { status: 400, code: "SIZE_INVALID" },
  "tag-invalid": { status: 400, code: "MANIFEST_INVALID" },
  "too-many-requests": { status: 429, code: "TOOMANYREQUESTS" },
  "too-many-tags": { status: 414, code: "UNSUPPORTED" },
  "upload-invalid": { status: 400, code: "BLOB_UPLOAD_INVALID" },
  "upload-out-of-order": { status: 416, code: "BLOB_UPLOAD_INVALID" },
  "upload-unknown": { status: 404, code: "BLOB_UPLOAD_UNKNOWN" },
};

/**
 * The response that tells a client what it may know of `error`, or `undefined` when that is nothing: the caller logs
 * it and answers {@link internalError}.
 */
export function errorResponse(error: unknown): Response | undefined {
  const errors =
    error instanceof RegistryErrors ? error.errors : error instanceof RegistryError ? [error] : [];
  const first = errors[0];
  if (first === undefined) return undefined;
  const body = {
    errors: errors.map(({ fault, message, detail }) => ({ code: WIRE[fault].code, message, detail })),
  };
  return jsonResponse(body, WIRE[first.fault].status, errorHeaders(first));
}

/** The response to a failure that is the server's own: it says nothing of what failed. */
export function internalError(): Response {
  const body = { errors: [{ code: "UNKNOWN", message: "internal error" }] };
  return jsonResponse(body, 500);
}

function errorHeaders({ fault, detail }: RegistryError): Record<string, string> {
  const facts = (detail ?? {}) as { size?: number; allow?: string; retryAfterSeconds?: number };
  switch (fault) {
    case "upload-out-of-order":
      return facts.size === undefined ? {} : { range: uploadRange(facts.size) };
    case "range-not-satisfiable":
      return { "content-range": `bytes */${facts.size}` };
    case "method-not-allowed":
      return { allow: facts.allow ?? "" };
    case "too-many-requests":
      // What the client still sends of its body is not waited for.
      return { "retry-after": String(facts.retryAfterSeconds ?? 30), connection: "close" };
    case "build-failed":
      return { "retry-after": String(facts.retryAfterSeconds ?? 30) };
    default:
      return {};
  }
}

/** How much of an upload has arrived, as the `Range` header says it: inclusive, and `0-0` for none as well. */
export function uploadRange(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}
