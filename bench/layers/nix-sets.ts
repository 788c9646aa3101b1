import { join } from "node:path";
import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";
import { Random } from "../../test/support/random.ts";
import { closureOf, type PackageSet } from "./package-set.ts";

const VECTOR = join(import.meta.dir, "../../test/vectors/layers/shell-curl-git-jq-budget-94.json");
const EVERYWHERE = /^(?:nss-cacert|iana-etc)-/;
const SHELL = /^(?:bash|coreutils|moreutils|nano)-/;

const CORE_COUNT = 30;
const LIBRARY_COUNT = 900;
const PROGRAM_COUNT = 1500;
// The seed of the set is fixed, so that the set does not depend on the seed of the requests.
const SET_SEED = 20;

/** The packages of the real image `shell/curl/git/jq` in the layer vectors. Its requested packages are the programs. */
export async function smallNixSet(): Promise<PackageSet> {
  const { runtimeGraph } = await Bun.file(VECTOR).json();
  const nodes: readonly { path: string; narSize: number; references: string[] }[] = runtimeGraph.graph;
  const nameOf = (path: string) => path.slice(path.indexOf("-") + 1);
  const parts = new Map(
    nodes.map(({ path, narSize, references }): [string, PlanPart] => [
      path,
      {
        id: path,
        bucket: nameOf(path).replace(/-\d.*$/, ""),
        sizeBytes: narSize,
        base: EVERYWHERE.test(nameOf(path)),
        references,
      },
    ]),
  );
  const requested: readonly string[] = runtimeGraph.exportReferencesGraph.graph;
  const programs = requested.filter((id) => !EVERYWHERE.test(nameOf(id)));
  return {
    name: "Nix, small",
    parts,
    always: requested.filter((id) => EVERYWHERE.test(nameOf(id))),
    shell: requested.filter((id) => SHELL.test(nameOf(id))),
    programs: new Map(programs.map((id) => [id, closureOf(parts, [id])])),
  };
}

/**
 * A generated set with the shape of nixpkgs: a C library, 30 core libraries, 900 others and 1,500 programs. A few
 * libraries have many users, most have few. Sizes are log-normal: most parts are small, and a few hold most of the
 * bytes.
 */
export function generatedNixSet(): PackageSet {
  const random = new Random(SET_SEED);
  const parts = new Map<string, PlanPart>();
  const add = (name: string, medianBytes: number, references: readonly string[]): string => {
    const id = storePath(name, random);
    const sizeBytes = Math.ceil(medianBytes * Math.exp(1.6 * gaussian(random)));
    parts.set(id, { id, bucket: name, sizeBytes, base: false, references: [...new Set(references)] });
    return id;
  };
  const libc = add("libc", 8_000_000, []);
  const core: string[] = [];
  for (let i = 0; i < CORE_COUNT; i++)
    core.push(add(`core${i}`, 300_000, [libc, ...several(random, 3, core, 1)]));
  const libraries: string[] = [];
  for (let i = 0; i < LIBRARY_COUNT; i++) {
    const references = [libc, ...several(random, 4, core, 2), ...several(random, 5, libraries, 2)];
    libraries.push(add(`lib${i}`, 150_000, references));
  }
  const programs: string[] = [];
  for (let i = 0; i < PROGRAM_COUNT; i++) {
    const references = [libc, ...several(random, 5, core, 1), ...several(random, 12, libraries, 2)];
    programs.push(add(`program${i}`, 500_000, references));
  }
  const shell = programs.slice(0, 4);
  const always = [add("nss-cacert", 200_000, []), add("iana-etc", 20_000, [])];
  for (const id of always) parts.set(id, { ...(parts.get(id) as PlanPart), base: true });
  return {
    name: "Nix, generated",
    parts,
    always,
    shell,
    programs: new Map(programs.map((id) => [id, closureOf(parts, [id])])),
  };
}

const BASE32 = "0123456789abcdfghijklmnpqrsvwxyz";

function storePath(name: string, random: Random): string {
  const hash = Array.from({ length: 32 }, () => random.pick([...BASE32])).join("");
  return `/nix/store/${hash}-${name}-1.0`;
}

/** Chooses up to `most` of `ids` at random. The higher `bias` is, the more often those at the front are chosen. */
function several(random: Random, most: number, ids: readonly string[], bias: number): readonly string[] {
  return Array.from({ length: random.below(most + 1) }, () => {
    const place = (random.below(1 << 24) / (1 << 24)) ** bias;
    return ids[Math.floor(place * ids.length)];
  }).filter((id) => id !== undefined);
}

/** A nearly normal number with mean 0 and variance 1: the sum of twelve uniform numbers. */
function gaussian(random: Random): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random.below(1 << 24) / (1 << 24);
  return sum;
}
