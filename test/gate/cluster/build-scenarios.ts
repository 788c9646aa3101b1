import { readFile } from "node:fs/promises";
import type { Cluster } from "../../../examples/cluster/cluster.ts";
import type { Checks } from "../../support/checks.ts";
import { installed } from "../../support/command.ts";
import { must, viewsOf } from "./views.ts";

const IMAGE = "apt/tree";

/** Builds of the same image on several instances at once. */
export async function checkBuilds(cluster: Cluster, checks: Checks): Promise<void> {
  if (!installed("apt-get", "dpkg-deb") && process.env.SLIPWAY_TEST_REQUIRE_ALL !== "1") {
    console.log("builds left out: apt is not installed");
    return;
  }
  await checks.run("an image asked for on all instances at once is built by one of them", async () => {
    const path = `/v2/${IMAGE}/manifests/latest`;
    const answers = await Promise.all(viewsOf(cluster).map((view) => must(view.call("GET", path), 200)));
    const digests = new Set(answers.map(({ headers }) => headers.get("docker-content-digest")));
    if (digests.size !== 1) throw new Error(`the instances answered with ${[...digests]}`);
    const built = await Promise.all(cluster.names.map((name) => buildsIn(cluster.logFile(name))));
    const builds = built.reduce((sum, count) => sum + count, 0);
    if (builds !== 1) throw new Error(`the image was built ${builds} times`);
  });
}

async function buildsIn(logFile: string): Promise<number> {
  const lines = (await readFile(logFile, "utf8")).split("\n");
  return lines.filter((line) => line.includes('"msg":"image built"') && line.includes(`"${IMAGE}"`)).length;
}
