import type { Reply } from "../reply.ts";
import type { Origins } from "./origins.ts";

/** Headers that the operator wants in every answer, beside those that the answer itself has. */
export class AddedHeaders {
  readonly #fixed: readonly (readonly [string, string])[];
  readonly #origins: Origins;

  /** @param fixed names with their values; an answer's own headers of these names stay as they are */
  constructor(fixed: readonly (readonly [string, string])[], origins: Origins) {
    this.#fixed = fixed;
    this.#origins = origins;
  }

  /** The headers of an answer to `request`. */
  with(own: Reply["headers"], request: Request): Headers {
    const headers = new Headers(own);
    for (const [name, value] of this.#fixed) if (!headers.has(name)) headers.set(name, value);
    this.#origins.addTo(headers, request);
    return headers;
  }
}
