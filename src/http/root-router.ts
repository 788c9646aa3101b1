import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { callWithoutHandler } from "./allowed-methods.ts";
import { COMMON_HEADERS, emptyReply } from "./reply.ts";
import type { Call, Router } from "./router.ts";

const OK = emptyReply(200, { ...COMMON_HEADERS, "Cache-Control": "no-cache" });

/** The path `/`, which load balancers ask for, unless told otherwise, to see whether a server is healthy. */
export class RootRouter implements Router {
  readonly prefix = "/";

  knows(path: string): boolean {
    return path === "/";
  }

  match(path: string, method: string): Call {
    if (!this.knows(path)) throw new RegistryError("route-unknown", "no such endpoint");
    if (method !== "GET" && method !== "HEAD") return callWithoutHandler(method, ["GET"]);
    return { action: undefined, repository: "" as RepositoryName, handle: () => OK };
  }
}
