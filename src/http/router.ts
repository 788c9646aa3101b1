import type { Awaitable } from "../concurrency/awaitable.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { RepositoryAction } from "../registry/access-policy.ts";
import type { Reply } from "./reply.ts";
import type { RequestContext } from "./request-context.ts";

/** One method of one route, for the path of a request. */
export interface Call {
  /**
   * What the caller must be allowed to do to {@link repository}, checked before {@link handle} is called. Absent if the
   * handler itself decides what the caller can see.
   */
  readonly action: RepositoryAction | undefined;
  readonly repository: RepositoryName;
  handle(context: RequestContext): Awaitable<Reply>;
}

/** The routes below one prefix. The server passes only paths that are exactly as the client sent them. */
export interface Router {
  /** The first part of its paths, such as `/v2`. No two routers have the same one. `/` stands for that path alone. */
  readonly prefix: string;
  /**
   * Finds what a request asks for.
   *
   * @param path the decoded path
   * @throws {RegistryError} `route-unknown`, `method-not-allowed`, `name-invalid`
   */
  match(path: string, method: string): Call;
  /** Whether a route has this path, before any of its parts is checked. */
  knows(path: string): boolean;
}
