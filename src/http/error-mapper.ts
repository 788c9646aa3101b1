import type { Logger } from "../log.ts";
import { storageFailure } from "../oci/storage-error.ts";
import { errorReply, internalError } from "./error-reply.ts";
import { FailureLog } from "./failure-log.ts";
import type { Reply } from "./reply.ts";
import { pathOf } from "./request-head.ts";

/** Turns any error of a request into a reply, and logs errors that are not the client's fault. */
export class ErrorMapper {
  readonly #failures: FailureLog;

  constructor(log: Logger) {
    this.#failures = new FailureLog(log);
  }

  /**
   * The reply for an error. For a storage failure it names the reason; for other unexpected errors it has no details.
   */
  replyTo(error: unknown, request: Request): Reply {
    return errorReply(error) ?? this.#unexpected(error, request);
  }

  /** Logs the error. A client that disconnected during an upload is not a failure, and nobody reads the reply. */
  #unexpected(error: unknown, request: Request): Reply {
    const place = { method: request.method, path: pathOf(request.url) };
    const storage = storageFailure(error);
    if (storage !== undefined) {
      this.#failures.storageFailed(storage, place);
      return errorReply(storage.error) ?? internalError();
    }
    if (isAbort(error)) {
      this.#failures.clientWentAway(place);
    } else {
      this.#failures.requestFailed(error, place);
    }
    return internalError();
  }
}

/** Whether the error, or what caused it, is that the client disconnected. Anything else is a failure, even then. */
function isAbort(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause.name === "AbortError") return true;
  }
  return false;
}
