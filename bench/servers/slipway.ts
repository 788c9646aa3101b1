import { join } from "node:path";
import packageJson from "../../package.json" with { type: "json" };
import { freePort } from "../../test/support/free-port.ts";
import type { BenchServer } from "./bench-server.ts";
import { launch } from "./launch.ts";

const ROOT = join(import.meta.dir, "../..");

/** Starts the Slipway of a checkout like `npm start`, with defaults except for the address and the log. */
export async function startSlipway(folder: string, checkout = ROOT): Promise<BenchServer> {
  const port = await freePort();
  return launch({
    name: checkout === ROOT ? "Slipway" : "Slipway beside",
    version: packageJson.version,
    port,
    isRegistry: true,
    command: ["node", join(checkout, "scripts/slipway.mjs"), "serve"],
    environment: {
      SLIPWAY_HTTP_HOST: "127.0.0.1",
      SLIPWAY_HTTP_PORT: String(port),
      SLIPWAY_DATA: join(folder, "data"),
      SLIPWAY_LOG_LEVEL: "error",
    },
    folder,
    hasLauncher: true,
  });
}
