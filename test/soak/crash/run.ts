// The soak suite `crash`: clients of one server with the default embedded stores, which is killed at random. See USAGE.
import { join } from "node:path";
import { Checks } from "../../support/checks.ts";
import { freePort } from "../../support/free-port.ts";
import type { Random } from "../../support/random.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { Disturbances } from "../chaos/disturbances.ts";
import { stress } from "../chaos/stress.ts";

const USAGE = "usage: npm run soak -- crash [--seed S] [--minutes M]";

const { seed, seconds } = parseSuiteArguments(USAGE, {});
console.log(`seed ${seed}, ${seconds} s`);
const checks = new Checks();
const disturbances = new Disturbances();
const folder = await temporaryFolder("crash");
const port = await freePort();
let server = await start();
await stress({
  target: { url: server.url, instanceUrls: [server.url] },
  disturbances,
  disturb: killAtRandom,
  seed,
  seconds,
  checks,
});
checks.check(
  !server.output().includes('"level":50'),
  () => `the server logged an error:\n${server.output()}`,
);
await server.end("SIGTERM");
if (checks.failed > 0) console.log(`the data stays in ${folder.path}`);
else await folder[Symbol.asyncDispose]();
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

function start(): Promise<ServerProcess> {
  return startServerProcess(join(folder.path, "data"), {
    SLIPWAY_HTTP_PORT: String(port),
    SLIPWAY_BUILDER_ENABLED: "false",
  });
}

/** Kills the server now and then, and starts it again at once. */
async function killAtRandom(random: Random, ended: () => boolean): Promise<string> {
  let kills = 0;
  while (!ended()) {
    await Bun.sleep(100 + random.below(2_000));
    const end = disturbances.begin();
    await server.end("SIGKILL");
    server = await start();
    end();
    kills += 1;
  }
  return `${kills} kills`;
}
