// `npm run bench:layers`: bytes that a client transfers for related images, for each layer plan. Usage: npm run
// bench:layers -- [--seed S] [--images N] [--recorded] [--record] [--write FILE]
import { parseArgs } from "node:util";
import { temporaryFolder } from "../test/support/temporary-folder.ts";
import { debianSet, hasApt, readDebian, readRecord, writeRecord } from "./layers/debian-set.ts";
import { generatedNixSet, smallNixSet } from "./layers/nix-sets.ts";
import type { PackageSet } from "./layers/package-set.ts";
import { factorTable, goalLines, measureSet, updateTable } from "./layers/report.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    images: { type: "string", default: "100" },
    // Use the recorded packages even if there is apt.
    recorded: { type: "boolean", default: false },
    // Record what apt says.
    record: { type: "boolean", default: false },
    write: { type: "string" },
  },
});
const options = {
  seed: wholeNumber("--seed", values.seed),
  imageCount: wholeNumber("--images", values.images),
};

const fromApt = hasApt() && !values.recorded;
const debian = measureSet(await openDebianSet(), options);
const small = measureSet(await smallNixSet(), options);
const generated = measureSet(generatedNixSet(), options);

const report = `# What a plan of layers saves

Written by \`npm run bench:layers -- --seed ${options.seed}${values.recorded ? " --recorded" : ""} --write docs/benchmarks-layers.md\`.

A client pulls ${options.imageCount} related images, each of 1 to 5 random programs, and keeps its layers. The tables have the bytes that it
transfers, as factors over the bytes of all parts, each counted once: 1.00 is the least. Layers are counted by the sizes of
their parts; the last layer, which has what belongs to no single package, is left out. The same seed gives the same images.

[ADR 13](adr/0013-layers-are-planned-by-size.md) says what the plans do and why.

## Goals at a budget of 94

${goalLines(generated, debian).join("\n")}

## Factors

${factorTable(generated)}

Of the shape of nixpkgs: a C library, 30 core libraries, 900 others, 1,500 programs. Every second image has a shell of four programs.

${factorTable(small)}

The real image \`shell/curl/git/jq\` of the layer vectors: its seven programs. Sizes are those in the store.

${factorTable(debian)}

${debian.set.programs.size} well-known programs and all that they need, with the ${debian.set.always.length} essential packages in every image. Packages, sizes and dependencies
are ${fromApt ? "those of this machine's apt" : "recorded ones"}. Sizes are those of the package files. An image has what apt would install for each of
its programs.

## Updates of Debian packages

The client has all images, some packages get a new version of the same size, and it pulls all images again. Factors over the
bytes of the updated packages.

${updateTable(debian, options)}
`;
console.log(report);
if (values.write !== undefined) await Bun.write(values.write, report);

async function openDebianSet(): Promise<PackageSet> {
  if (!fromApt) return debianSet(await readRecord());
  await using folder = await temporaryFolder("bench-layers");
  const record = await readDebian(folder.path, process.arch === "arm64" ? "arm64" : "amd64");
  if (values.record) await writeRecord(record);
  return debianSet(record);
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} takes a whole number from 1 on`);
  return value;
}
