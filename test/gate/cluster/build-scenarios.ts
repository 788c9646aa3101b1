import { readFile } from "node:fs/promises";
import type { Cluster } from "../../../examples/cluster/cluster.ts";
import { sampleBytes } from "../../contracts/content-driver-samples.ts";
import type { Checks } from "../../support/checks.ts";
import { installed } from "../../support/command.ts";
import { createDebianRepository } from "../../support/debian-repository.ts";
import { HAS_NIX, SMALL_SET_VARIABLES } from "../../support/nix.ts";
import { must, viewsOf } from "./views.ts";

const APT_IMAGE = "apt/tree";
/** An image with a package whose every build gives other bytes. */
const NIX_IMAGE = "nix/needsunsteady/apart";

/** So large that instances that do not wait for each other would build at the same time. */
const TREE_BYTES = 16 << 20;

/** Creates a repository in `folder` with the packages of the scenarios; resolves to variables for all instances. */
export async function prepareBuilds(folder: string): Promise<Readonly<Record<string, string>>> {
  return { ...(await prepareApt(folder)), ...(HAS_NIX && SMALL_SET_VARIABLES) };
}

async function prepareApt(folder: string): Promise<Readonly<Record<string, string>>> {
  if (!installed("dpkg-deb")) return {};
  const repository = await createDebianRepository(folder);
  const files = { "usr/lib/tree/data": sampleBytes(TREE_BYTES) };
  await repository.publish([{ name: "tree", hasFile: true, files }]);
  return {
    SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
    SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
    SLIPWAY_BUILDER_APT_INCLUDE: "[]",
  };
}

/** Builds of the same image on several instances at once. */
export async function checkBuilds(cluster: Cluster, checks: Checks): Promise<void> {
  await checkBuild(cluster, checks, { image: APT_IMAGE, isPossible: installed("apt-get", "dpkg-deb") });
  await checkBuild(cluster, checks, { image: NIX_IMAGE, isPossible: HAS_NIX });
}

async function checkBuild(
  cluster: Cluster,
  checks: Checks,
  { image, isPossible }: { readonly image: string; readonly isPossible: boolean },
): Promise<void> {
  if (!isPossible && process.env.SLIPWAY_TEST_REQUIRE_ALL !== "1") {
    console.log(`NOT RUN: the build of ${image}: its package manager is not installed`);
    return;
  }
  await checks.run(`${image}, asked for on all instances at once, is built by one of them`, async () => {
    const path = `/v2/${image}/manifests/latest`;
    const answers = await Promise.all(viewsOf(cluster).map((view) => must(view.call("GET", path), 200)));
    const digests = new Set(answers.map(({ headers }) => headers.get("docker-content-digest")));
    if (digests.size !== 1) throw new Error(`the instances answered with ${[...digests]}`);
    const built = await Promise.all(cluster.names.map((name) => buildsIn(cluster.logFile(name), image)));
    const builds = built.reduce((sum, count) => sum + count, 0);
    if (builds !== 1) throw new Error(`the image was built ${builds} times`);
  });
}

async function buildsIn(logFile: string, image: string): Promise<number> {
  const lines = (await readFile(logFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes('"msg":"image built"') && line.includes(`"${image}"`)).length;
}
