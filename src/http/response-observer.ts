/** A response that has ended. */
export interface EndedResponse {
  readonly method: string;
  /** The decoded path, without the query. */
  readonly path: string;
  readonly status: number;
  /**
   * Bytes of the body that were sent; `undefined` if a file was not sent to its end, because only the system knows how
   * much was sent.
   */
  readonly sentBytes: number | undefined;
  /** False if the client disconnected or the body failed before the end. */
  readonly isComplete: boolean;
  /** Time from the request's arrival to the response's end. For files it is accurate to half a second. */
  readonly durationMs: number;
}

/** Gets every response when it has ended. */
export interface ResponseObserver {
  /** Called once for each response, when it has ended. Must not throw. */
  ended(response: EndedResponse): void;
}
