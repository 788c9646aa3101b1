// Serves like `slipway serve`, with a checkpoint per that many pages of the metadata's log. Arguments: PAGES serve.
import { compose } from "../../../src/compose.ts";
import { environment } from "../../../src/config/environment.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { createLogger } from "../../../src/log.ts";
import { OPEN_ACCESS } from "../../../src/registry/access-policy.ts";

const { config } = loadConfig(environment());
const slipway = await compose(config, createLogger(config.log.level), OPEN_ACCESS, {
  checkpointPages: Number(process.argv[2]),
});
const server = slipway.serve();
process.on("SIGTERM", async () => {
  await server.stop(1_000);
  await slipway[Symbol.asyncDispose]();
});
console.log(`listens on ${server.url}`);
