// `npm run bench:builder`: how long builds from a Nix package set take, compared with Nixery. Needs root, Nix, apt,
// skopeo and umoci; for Nixery also Go and an empty /nix/store, which Nixery fills and the benchmark empties again.
// Usage: npm run bench:builder -- [--rounds N] [--nixery FOLDER] [--write FILE]
import { mkdir } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type NixPackageSet, nixPackageSet } from "../test/support/nix-package-set.ts";
import { temporaryFolder } from "../test/support/temporary-folder.ts";
import type { Contender } from "./builder/contender.ts";
import { measureContender, measurePinned } from "./builder/measures.ts";
import { isHostStoreFree, nixeryContender } from "./builder/nixery.ts";
import { buildNixery } from "./builder/nixery-program.ts";
import { commitSet } from "./builder/pinned-set.ts";
import { renderBuilderReport } from "./builder/report.ts";
import { compareVersions, programVersions, type Versions } from "./builder/sameness.ts";
import { slipwayContender } from "./builder/slipway.ts";
import { hostFacts } from "./report/machine-facts.ts";
import { Samples } from "./samples.ts";
import { outputOf } from "./servers/launch.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    // Folder of Nixery's sources. Without it, they come from its Go module.
    nixery: { type: "string" },
    write: { type: "string" },
  },
});
/** The machine's load before each measurement. It includes our own load of the minute before. */
const loads: number[] = [];
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1 on");

await using folder = await temporaryFolder("bench-builder");
progress("package set and Nixery");
await using set = await nixPackageSet(await subfolder("packages"));
const measured = await commitSet(set.path, join(folder.path, "repository"));
await using slipway = await slipwayContender(await subfolder("slipway"), measured);
const { nixery, missing } = await findNixery();
await using _ = nixery;
const contenders = nixery === undefined ? [slipway] : [slipway, nixery];
const samples = await measure(contenders);
const programs = nixery === undefined ? [] : await comparePrograms(nixery);
const facts = buildFacts(contenders, set);
const report = renderBuilderReport(samples, { rounds, facts, missing, programs });
console.log(report);
if (values.write !== undefined) await Bun.write(values.write, report);

async function findNixery(): Promise<{ nixery?: Contender; missing?: string }> {
  if (!(await isHostStoreFree())) return { missing: "this machine's Nix store is in use" };
  const program = await buildNixery(await subfolder("nixery-program"), values.nixery);
  if ("missing" in program) return { missing: program.missing };
  return { nixery: await nixeryContender(program, await subfolder("nixery"), measured) };
}

async function measure(contenders: readonly Contender[]): Promise<Samples> {
  const samples = new Samples();
  for (let round = 1; round <= rounds; round += 1) {
    // Alternate the order, so that neither always has the quieter machine.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      loads.push(loadavg()[0] ?? Number.NaN);
      progress(`round ${round} of ${rounds}: ${contender.name}`);
      await measureContender(contender, samples);
    }
  }
  for (const contender of contenders) await measurePinned(contender, samples);
  return samples;
}

async function comparePrograms(nixery: Contender): Promise<readonly string[]> {
  progress("programs of both images");
  const versions: Versions[] = [];
  for (const contender of [slipway, nixery])
    versions.push(await programVersions(contender, join(folder.path, `image-${versions.length}`)));
  const [own = new Map(), other = new Map()] = versions;
  return compareVersions(own, other);
}

function buildFacts(
  contenders: readonly Contender[],
  { fileCount, fileBytes }: NixPackageSet,
): readonly string[] {
  const nixVersion = /\(Nix\) (\S+)/.exec(outputOf("nix-store", "--version"))?.[1] ?? "of unknown version";
  return [
    ...hostFacts(folder.path),
    `Bun ${Bun.version}, Nix ${nixVersion}; 2 builders at once for both`,
    `Load average before the measurements: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
    ...contenders.map(({ name, version }) => `${name} ${version}`),
    `Package set: ${fileCount} Debian packages, ${Math.round(fileBytes / 1e6)} MB, as this machine's apt offers them`,
  ];
}

async function subfolder(name: string): Promise<string> {
  const path = join(folder.path, name);
  await mkdir(path);
  return path;
}

function progress(line: string): void {
  console.error(`bench: ${line}`);
}
