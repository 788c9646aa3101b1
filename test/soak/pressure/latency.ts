// The soak suite `latency`: how long a small answer takes while other clients take more than their share.
import { Checks } from "../../support/checks.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { Pressure } from "./pressure.ts";
import { parsePressureArguments } from "./pressure-arguments.ts";

const { seed, seconds, pace, patterns } = parsePressureArguments("latency");
const checks = new Checks();
console.log(`seed ${seed}, ${seconds} s, pace ${pace}`);
await using folder = await temporaryFolder("latency");
await using server = await startServerProcess(folder.path, {
  SLIPWAY_BUILDER_ENABLED: "false",
  // Some manifests have a subject and large annotations.
  SLIPWAY_REGISTRY_REFERRER_ANNOTATION_BYTES: String(4 * 1024 * 1024),
});
using pressure = new Pressure(server, { seed, seconds, pace, patterns }, checks);
await pressure.measureLatency();
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;
