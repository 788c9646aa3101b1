import type { Caller } from "../registry/access-policy.ts";
import type { RequestBody } from "./bodies/request-body.ts";

/** Closes the connection if the client is silent for too long. It is paused while the client waits for the server. */
export interface IdleTimer {
  pause(): void;
  resume(): void;
}

/** The connection of a request. */
export interface Connection extends IdleTimer {
  /**
   * Call this when the answer is known. Until it has been sent, the client may read as slowly as it may send a body;
   * then the connection may be idle.
   *
   * @param isStream whether the answer is a stream. Answers from memory are sent at once; see {@link SentFiles} for files
   */
  answer(isStream: boolean): void;
  /** The address of the client, or of a proxy in front; `undefined` once the connection is closed. */
  remoteAddress(): string | undefined;
}

/** A request as every handler sees it. */
export interface RequestContext {
  readonly request: Request;
  readonly body: RequestBody;
  readonly caller: Caller;
  readonly connection: Connection;
}
