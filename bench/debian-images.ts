// `npm run bench:debian`: how long images from Debian packages take, compared with mmdebstrap. Needs root, apt, mmdebstrap and a
// sandbox that works. Usage: npm run bench:debian -- [--rounds N] [--note TEXT] [--write FILE]
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import packageJson from "../package.json" with { type: "json" };
import { mustRun } from "../test/support/command.ts";
import { temporaryFolder } from "../test/support/temporary-folder.ts";
import { ALL_IMAGES, measurements } from "./debian/measures.ts";
import { packageRepository } from "./debian/package-repository.ts";
import { renderDebianReport } from "./debian/report.ts";
import { hostFacts } from "./report/machine-facts.ts";
import { Samples } from "./samples.ts";
import { outputOf } from "./servers/launch.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    // What else should be known about the machine during the measurements.
    note: { type: "string" },
    write: { type: "string" },
  },
});
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1 on");
if (Bun.which("mmdebstrap") === null) throw new Error("needs mmdebstrap (the Debian package of that name)");

await using folder = await temporaryFolder("bench-debian");
progress("package files");
const repository = await packageRepository(folder.path, ALL_IMAGES);
const all = measurements(repository, folder.path);
const samples = new Samples();
/** The machine's load before each measurement. It includes our own load of the minute before. */
const loads: number[] = [];
for (let round = 1; round <= rounds; round += 1) {
  // Alternate the order, so that neither always has the quieter machine.
  for (const { name, run } of round % 2 === 1 ? all : all.toReversed()) {
    // What the measurement before has written would slow down this one.
    await mustRun(["sync"]);
    loads.push(loadavg()[0] ?? Number.NaN);
    progress(`round ${round} of ${rounds}: ${name}`);
    await run(samples);
  }
}
const { fileCount, fileBytes, listedCount } = repository;
const report = renderDebianReport(samples, rounds, [
  ...hostFacts(folder.path),
  `Bun ${Bun.version}, ${firstLine("apt-get", "--version")}, ${firstLine("mmdebstrap", "--version")}, Slipway ${packageJson.version}`,
  `Load average before the measurements: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
  ...(values.note === undefined ? [] : [values.note]),
  `Repository: ${fileCount} package files, ${Math.round(fileBytes / 1e6)} MB, and a list of ${listedCount} packages, as this machine's apt offers them`,
]);
console.log(report);
if (values.write !== undefined) await Bun.write(values.write, report);

function firstLine(...command: [string, ...string[]]): string {
  return outputOf(...command).split("\n")[0] ?? "";
}

function progress(line: string): void {
  console.error(`bench: ${line}`);
}
