/** A response that has ended. */
export interface EndedResponse {
  readonly method: string;
  /** The decoded path, without the query. */
  readonly path: string;
  readonly status: number;
  /** Bytes of the body that were sent; `undefined` if a file was not sent to its end, as only the system knows then. */
  readonly sentBytes: number | undefined;
  /** False if the client went away, or the body failed, before its end. */
  readonly isComplete: boolean;
  /** From the request's arrival to the response's end. Files are looked at twice a second. */
  readonly durationMs: number;
}

/** Is told of every response. */
export interface ResponseObserver {
  /** Called once for each response, when it has ended. Must not throw. */
  ended(response: EndedResponse): void;
}
