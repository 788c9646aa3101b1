import { RegistryError } from "../../src/oci/registry-error.ts";

/** A server with the releases that a channel redirects to. Records the requests it gets. */
export class ReleaseServer {
  readonly requests: { method: string; path: string; authorization: string | null }[] = [];
  /** Answers by path; a string is the address to redirect to. */
  readonly answers = new Map<string, string | (() => Response)>();
  readonly server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => {
      const { pathname: path, search } = new URL(request.url);
      const { method, headers } = request;
      this.requests.push({ method, path: path + search, authorization: headers.get("authorization") });
      const answer = this.answers.get(path + search);
      if (answer === undefined) return new Response("nothing here", { status: 404 });
      if (typeof answer === "string")
        return new Response(null, { status: 302, headers: { location: answer } });
      return answer();
    },
  });

  get address(): string {
    return `http://127.0.0.1:${this.server.port}`;
  }

  /** The methods of the requests for a path, in order. */
  methods(path: string): readonly string[] {
    return this.requests.filter((request) => request.path === path).map(({ method }) => method);
  }
}

/** The registry error with which a promise rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<RegistryError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof RegistryError) return error;
  throw new Error(`not a registry error: ${error}`);
}
