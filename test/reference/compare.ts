// `npm run compare:mmdebstrap`: an image beside the tree that mmdebstrap makes of the same packages. See USAGE.
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { MMDEBSTRAP_DIFFERENCES } from "../../src/builder/debian/configure/mmdebstrap-differences.ts";
import { installed, mustRun } from "../support/command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { buildImageTree, packagesOf } from "./image-tree.ts";
import { makeReferenceTree } from "./mmdebstrap-tree.ts";
import { compareTrees, formatDifference, type TreeDifference } from "./tree-differences.ts";
import { listTree } from "./tree-listing.ts";

const USAGE = `usage: npm run compare:mmdebstrap -- [--keep FOLDER] PACKAGE...
Builds the image with these Debian packages, and a tree of the same packages with mmdebstrap. Compares the path, type, mode,
owner, capabilities and content of every file. Prints what no known difference explains, and how many each explains. Ends
with 1 if there is something unexplained. Needs root, apt, the sandbox, mmdebstrap, umoci and tar. --keep leaves both trees
in FOLDER, and the builder's data, with which the next comparison takes less time.`;
const PROGRAMS = ["apt-get", "mmdebstrap", "umoci", "tar"];

const { packages, keep } = parse();
process.exitCode = keep === undefined ? await compareAndRemove() : await compare(resolve(keep));

function parse() {
  try {
    const { values, positionals } = parseArgs({
      options: { keep: { type: "string" } },
      allowPositionals: true,
    });
    if (positionals.length === 0) fail(USAGE);
    if (process.getuid?.() !== 0 || !installed(...PROGRAMS))
      fail(`this needs root and ${PROGRAMS.join(", ")}`);
    return { packages: positionals, keep: values.keep };
  } catch (error) {
    return fail(`${(error as Error).message}\n${USAGE}`);
  }
}

function fail(reason: string): never {
  console.error(reason);
  process.exit(2);
}

async function compareAndRemove(): Promise<number> {
  await using folder = await temporaryFolder("compare");
  try {
    return await compare(folder.path);
  } finally {
    // Unpacked layers belong to ids that nobody has.
    await mustRun(["rm", "-rf", join(folder.path, "data")]);
  }
}

async function compare(folder: string): Promise<number> {
  const [data, image, reference] = ["data", "image", "reference"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(folder, { recursive: true });
  await mustRun(["rm", "-rf", image, reference]);
  const { path: tree } = await buildImageTree(packages, { data, folder: image });
  const closure = await packagesOf(tree);
  await makeReferenceTree(closure, reference);
  const [own, other] = [await listTree(tree), await listTree(reference)];
  return report(compareTrees(own, other, MMDEBSTRAP_DIFFERENCES), closure.length);
}

function report(differences: readonly TreeDifference[], packageCount: number): number {
  const unexplained = differences.filter(({ reason }) => reason === undefined);
  for (const difference of unexplained) console.log(formatDifference(difference));
  const explained = Map.groupBy(differences, ({ reason }) => reason);
  explained.delete(undefined);
  console.log(`\n${packages.join(" ")}: ${packageCount} packages`);
  for (const [reason, some] of explained) console.log(`${String(some.length).padStart(6)} known: ${reason}`);
  console.log(`${String(unexplained.length).padStart(6)} unexplained`);
  return unexplained.length === 0 ? 0 : 1;
}
