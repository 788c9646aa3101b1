// The soak suite `nix`: builds from Nix package sets: in parallel, without end, and in a store that is collected. See
// USAGE.
import { Checks } from "../../support/checks.ts";
import { HAS_NIX } from "../../support/nix.ts";
import { nixPackageSet, packageNames } from "../../support/nix-package-set.ts";
import { Random } from "../../support/random.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { parseSuiteArguments } from "../arguments.ts";
import { checkCollections, checkStoreSize } from "./collections.ts";
import { checkLargeSearch } from "./large-search.ts";
import { checkLimits } from "./limits.ts";
import { measureParallelImages } from "./parallel-images.ts";

const USAGE = `usage: npm run soak -- nix [--seed S] [--minutes M] [--only PART]
Needs root, Nix and apt. Parts: parallel, limits, collections, search, size; each gets a fifth of the time, and takes at
least the time for one image.`;
/** Attributes that can be written in an image's name unchanged. */
const USABLE = /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/;

const { seed, seconds, values } = parseSuiteArguments(USAGE, { only: { type: "string" } });
console.log(`seed ${seed}, ${seconds} s`);
if (!HAS_NIX) throw new Error("Nix is not installed");
const checks = new Checks();
const random = new Random(seed);
await using folder = await temporaryFolder("soak-nix");
await using set = await nixPackageSet(folder.path);
const names = (await packageNames(set)).filter((name) => USABLE.test(name));

const parts: Readonly<Record<string, (share: number) => Promise<void>>> = {
  parallel: (share) => measureParallelImages(folder.path, set.path, share, checks),
  limits: (share) => checkLimits(folder.path, share, random.fork(), checks),
  collections: (share) => checkCollections(pullsFor(share), checks),
  search: () => checkLargeSearch(folder.path, checks),
  size: (share) => checkStoreSize(pullsFor(share), checks),
};
const chosen = Object.entries(parts).filter(([name]) => values.only === undefined || values.only === name);
for (const [name, part] of chosen) {
  console.log(`--- ${name}`);
  await checks.run(name, () => part(seconds / chosen.length));
}
console.log(checks.summary());
process.exitCode = checks.failed === 0 ? 0 : 1;

function pullsFor(share: number) {
  return { folder: folder.path, set: set.path, names, seconds: share, random: random.fork() };
}
