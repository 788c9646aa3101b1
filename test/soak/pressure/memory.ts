// The soak suite `memory`: resident memory while clients try to use up memory, and with large blobs.
import { Checks } from "../../support/checks.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { measureLargeBlob } from "./large-blob.ts";
import { Pressure } from "./pressure.ts";
import { parsePressureArguments } from "./pressure-arguments.ts";

const { seed, seconds, pace, patterns } = parsePressureArguments("memory");
const checks = new Checks();
console.log(`seed ${seed}, ${seconds} s, pace ${pace}`);
await measureLargeBlob(checks);
await using folder = await temporaryFolder("memory");
await using server = await startServerProcess(folder.path, {
  SLIPWAY_BUILDER_ENABLED: "false",
  // Some manifests have a subject and large annotations.
  SLIPWAY_REGISTRY_REFERRER_ANNOTATION_BYTES: String(4 * 1024 * 1024),
});
using pressure = new Pressure(server, { seed, seconds, pace, patterns }, checks);
await pressure.measureMemory();
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;
