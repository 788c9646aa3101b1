// The soak suite `images`: images put to real work, beside mmdebstrap's trees of the same packages. See USAGE.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { MMDEBSTRAP_DIFFERENCES } from "../../../src/builder/debian/configure/mmdebstrap-differences.ts";
import { buildElsewhere, buildImageTree, packagesOf } from "../../reference/image-tree.ts";
import { makeReferenceTree } from "../../reference/mmdebstrap-tree.ts";
import { runInTree } from "../../reference/run-in-tree.ts";
import { compareTrees, formatDifference } from "../../reference/tree-differences.ts";
import { listTree } from "../../reference/tree-listing.ts";
import { Checks } from "../../support/checks.ts";
import { installed, mustRun } from "../../support/command.ts";
import { Random } from "../../support/random.ts";
import { CAN_BE_NOBODY, NOBODY_NEEDS, ReadableCheckout } from "../../support/readable-checkout.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { FUNCTIONS, type ImageSet } from "./image-set.ts";
import { LANGUAGE_SETS, PROGRAM_SETS } from "./program-sets.ts";
import { SERVER_SETS } from "./server-sets.ts";

const USAGE = `usage: npm run soak -- images [--seed S] [--minutes M] [--all] [--only PACKAGE]... [--twice] [--keep FOLDER]
Draws sets of packages for as long as it is told, or takes all, or those with one of the packages. Builds each, makes mmdebstrap's tree of
the same packages, compares both file by file, and runs the same script in both: they must print the same, and what is
expected. --twice also builds each as another user in other surroundings: the digest must be the same. --keep leaves the trees
in FOLDER, where another run finds those of mmdebstrap. Needs root, apt, the sandbox, mmdebstrap, umoci, tar and ip.`;
const PROGRAMS = ["apt-get", "mmdebstrap", "umoci", "tar", "ip", "unshare"];
const SETS = [...SERVER_SETS, ...LANGUAGE_SETS, ...PROGRAM_SETS];

/** Run in every image: prints nothing if dpkg is content, and nothing is there that must not be shipped. */
const SOUND = `dpkg --audit; dpkg-query --show --showformat '\${db:Status-Status}\\n' | grep -vx installed
find / -xdev '(' -name '*-old' -o -name 'ssh_host_*' -o -name .erlang.cookie ')' -path '/[ev]*'; cat /etc/machine-id 2>/dev/null`;

const { seed, seconds, values } = parseSuiteArguments(USAGE, {
  all: { type: "boolean" },
  only: { type: "string", multiple: true },
  twice: { type: "boolean" },
  keep: { type: "string" },
});
const checks = new Checks();
const checkout = values.twice === true ? await temporaryFolder("images-elsewhere") : undefined;
if (process.getuid?.() !== 0 || !installed(...PROGRAMS))
  checks.check(false, () => `this needs root and ${PROGRAMS.join(", ")}`);
else if (values.twice === true && !CAN_BE_NOBODY) checks.check(false, () => `--twice ${NOBODY_NEEDS}`);
else if (values.keep !== undefined) await runAll(resolve(values.keep));
else {
  await using folder = await temporaryFolder("images");
  await runAll(folder.path);
  // Unpacked layers belong to ids that nobody has.
  await mustRun(["rm", "-rf", folder.path]);
}
// Unpacked layers belong to ids that nobody has.
if (checkout !== undefined) await mustRun(["rm", "-rf", checkout.path]);
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

async function runAll(folder: string): Promise<void> {
  const { only } = values;
  const drawn =
    only === undefined ? shuffled() : SETS.filter((set) => set.packages.some((name) => only.includes(name)));
  const endsAt = Date.now() + seconds * 1000;
  const isOver = () => values.all !== true && only === undefined && Date.now() > endsAt;
  let count = 0;
  for (const set of drawn) {
    if (isOver()) break;
    count += 1;
    await checks.run(set.packages.join(" "), () => check(set, folder));
  }
  console.log(`figure: images put to work: ${count}`);
}

/** All sets in an order of the seed's. */
function shuffled(): readonly ImageSet[] {
  const random = new Random(seed);
  const placed = SETS.map((set) => ({ set, place: random.below(2 ** 30) }));
  return placed.toSorted((left, right) => left.place - right.place).map(({ set }) => set);
}

async function check({ packages, script, prints }: ImageSet, folder: string): Promise<void> {
  const own = join(folder, "image");
  await mustRun(["rm", "-rf", own]);
  const { path: image, digest } = await buildImageTree(packages, { data: join(folder, "data"), folder: own });
  const reference = await referenceOf(await packagesOf(image), folder);
  const problems: string[] = [];
  const other = await elsewhere(packages);
  if (other !== undefined && other !== digest) problems.push(`${digest} here, ${other} elsewhere`);
  for (const difference of compareTrees(
    await listTree(image),
    await listTree(reference),
    MMDEBSTRAP_DIFFERENCES,
  ))
    if (difference.reason === undefined) problems.push(formatDifference(difference));
  const sound = await runInTree({ tree: image, script: SOUND });
  if (sound.stdout !== "") problems.push(`not sound:\n${sound.stdout}`);
  const [here, there] = [await work(image, script), await work(reference, script)];
  if (here !== there) problems.push(`prints:\n${here}in place of:\n${there}`);
  if (!prints.test(here)) problems.push(`prints:\n${here}which is not expected`);
  if (values.keep === undefined) await mustRun(["rm", "-rf", reference]);
  if (problems.length > 0) throw problems.join("\n");
}

/** The digest of the image when another user builds it; `undefined` if that is not asked for. */
async function elsewhere(packages: readonly string[]): Promise<string | undefined> {
  if (checkout === undefined) return undefined;
  return await buildElsewhere(packages, await ReadableCheckout.create(checkout.path), "data");
}

/** What a script prints, and how it ended if not well. */
async function work(tree: string, script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await runInTree({ tree, script: FUNCTIONS + script });
  return exitCode === 0 ? stdout : `${stdout}ended with ${exitCode}: ${stderr}\n`;
}

/** mmdebstrap's tree of these packages. */
async function referenceOf(packages: readonly string[], folder: string): Promise<string> {
  const name = createHash("sha256").update(packages.join("\n")).digest("hex").slice(0, 16);
  const tree = join(folder, "references", name);
  if (existsSync(tree)) return tree;
  await mkdir(join(folder, "references"), { recursive: true });
  const unfinished = `${tree}.new`;
  await mustRun(["rm", "-rf", unfinished]);
  await makeReferenceTree(packages, unfinished);
  await rename(unfinished, tree);
  return tree;
}
