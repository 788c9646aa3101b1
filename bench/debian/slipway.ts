import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { type ServerProcess, startServerProcess } from "../../test/support/server-process.ts";
import { manifestSeconds } from "../manifest-seconds.ts";

/** The column heading of Slipway. */
export const SLIPWAY = "Slipway";

/** A server without data, which builds images from a repository. Disposing of it ends it, and leaves its data. */
export class FreshServer implements AsyncDisposable {
  readonly #server: ServerProcess;

  private constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** Starts it with its data in a new folder below `folder`; `sourcesFile` names the repository. */
  static async start(folder: string, sourcesFile: string): Promise<FreshServer> {
    const data = await mkdtemp(join(folder, "data-"));
    const server = await startServerProcess(data, {
      SLIPWAY_HTTP_HOST: "127.0.0.1",
      SLIPWAY_BUILDER_SEARCH: "false",
      SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox",
      SLIPWAY_BUILDER_APT_SOURCES_FILE: sourcesFile,
      no_proxy: "127.0.0.1",
    });
    return new FreshServer(server);
  }

  /** Builds an image such as `curl/git`; resolves to the seconds from the request until its manifest is there. */
  build(image: string): Promise<number> {
    return manifestSeconds(`${this.#server.url}/v2/apt/${image}/manifests/latest`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
