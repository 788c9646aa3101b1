import { compose } from "../../src/compose.ts";
import { ConfigSchema } from "../../src/config/schema.ts";
import type { UploadPatience } from "../../src/content/upload-turns.ts";
import { createLogger, type Logger } from "../../src/log.ts";
import { type AccessPolicy, OPEN_ACCESS } from "../../src/registry/access-policy.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A registry in this process, on a free port, with its data in a temporary folder. */
export interface RegistryServer extends AsyncDisposable {
  /** Such as `http://127.0.0.1:43210`. */
  readonly url: string;
  /** Folder of its data. */
  readonly data: string;
  /** Ends the server and starts another one on the same data and another port. */
  restart(): Promise<void>;
}

/** Options of a server. */
export interface RegistryServerOptions {
  readonly policy?: AccessPolicy;
  readonly log?: Logger;
  /** Sections of the configuration, laid over the defaults. */
  readonly http?: Readonly<Record<string, unknown>>;
  readonly registry?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, unknown>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** By default, there is no builder. */
  readonly builder?: Readonly<Record<string, unknown>>;
  /** Its data folder, which the caller removes and other servers may share; by default a temporary one. */
  readonly data?: string;
  /** How long requests for one upload wait for each other; by default longer than any test. */
  readonly uploadPatience?: UploadPatience;
}

/** With these, no client of a test loses its turn because the machine is busy. */
const ENDLESS_PATIENCE: UploadPatience = { waitMs: 120_000, silenceMs: Number.POSITIVE_INFINITY };

/** Tests run in the server's process, so its memory does not show what the server needs. */
const NO_MEMORY_TARGET = { memoryTargetBytes: 2 ** 40 };

/** Starts a registry that builds nothing, unless told otherwise. */
export async function startRegistry(options: RegistryServerOptions = {}): Promise<RegistryServer> {
  const folder = await temporaryFolder("registry");
  const config = ConfigSchema.parse({
    data: options.data ?? folder.path,
    builder: options.builder ?? { enabled: false },
    content: options.content ?? {},
    metadata: options.metadata ?? { reserveBytes: 64 << 10 },
    registry: options.registry ?? {},
    http: { ...NO_MEMORY_TARGET, ...options.http, port: 0 },
  });
  const start = async () => {
    const slipway = await compose(
      config,
      options.log ?? createLogger("error"),
      options.policy ?? OPEN_ACCESS,
      { uploadPatience: options.uploadPatience ?? ENDLESS_PATIENCE },
    );
    return { slipway, server: slipway.serve() };
  };
  let running = await start();
  const stop = async () => {
    await running.server.stop(0);
    await running.slipway[Symbol.asyncDispose]();
  };
  return {
    get url() {
      return running.server.url;
    },
    data: config.data,
    async restart() {
      await stop();
      running = await start();
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}
