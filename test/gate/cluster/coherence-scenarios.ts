import type { Cluster } from "../../../examples/cluster/cluster.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Checks } from "../../support/checks.ts";
import type { RegistryClient } from "../../support/registry-client.ts";
import { must, viewsOf } from "./views.ts";

const REPOSITORY = "scenario/coherence";

/** Changes on one instance that must be visible on all. */
export async function checkCoherence(cluster: Cluster, checks: Checks): Promise<void> {
  await checks.run("a tag moved on one instance is seen at once on all", () => moveTag(cluster));
  const redis = {
    stop: () => cluster.signal("redis", "SIGSTOP"),
    resume: () => cluster.signal("redis", "SIGCONT"),
  };
  await checks.run("a blob deleted on one instance is served by none", () => deleteBlobs(cluster, {}));
  await checks.run("nor while Redis hangs, nor once it goes on", () =>
    deleteBlobs(cluster, { before: redis.stop, after: redis.resume }),
  );
  await checks.run("nor when the instance that deleted it dies before Redis goes on", () =>
    deleteBlobs(cluster, {
      before: redis.stop,
      async after() {
        await cluster.kill("slipway-1");
        redis.resume();
        await cluster.start("slipway-1");
      },
    }),
  );
  await checks.run("nor when Redis is killed and comes back", () =>
    deleteBlobs(cluster, { before: () => cluster.kill("redis"), after: () => cluster.start("redis") }),
  );
}

async function moveTag(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  for (let round = 0; round < 15; round += 1) {
    const writer = views[round % views.length] as RegistryClient;
    const { digest } = await writer.pushImage(REPOSITORY, "moving");
    for (const view of views) {
      const seen = await must(view.call("HEAD", `/v2/${REPOSITORY}/manifests/moving`), 200);
      const found = seen.headers.get("docker-content-digest");
      if (found !== digest) throw new Error(`round ${round}: ${found} in place of ${digest}`);
    }
  }
}

interface Trouble {
  readonly before?: () => void | Promise<void>;
  readonly after?: () => void | Promise<void>;
}

/**
 * Deletes blobs that every instance has just served, during a disturbance that begins before and ends after the delete.
 */
async function deleteBlobs(cluster: Cluster, { before, after }: Trouble): Promise<void> {
  const views = viewsOf(cluster);
  const digests: Digest[] = [];
  for (let count = 0; count < 6; count += 1) {
    digests.push((await views[0].pushBlob(REPOSITORY, crypto.randomUUID())).digest);
  }
  // Request each more than once, so that every cache has it.
  for (let turn = 0; turn < 3; turn += 1) await expectAll(views, digests, 200);
  await before?.();
  try {
    for (const digest of digests) {
      await must(views[0].call("DELETE", `/v2/${REPOSITORY}/blobs/${digest}`), 202);
      await expectAll(views, [digest], 404);
    }
  } finally {
    await after?.();
  }
  for (let turn = 0; turn < 5; turn += 1) {
    await expectAll(views, digests, 404);
    await Bun.sleep(200);
  }
}

async function expectAll(
  views: readonly RegistryClient[],
  digests: readonly Digest[],
  status: number,
): Promise<void> {
  for (const digest of digests) {
    await Promise.all(
      views.map((view) => must(view.call("HEAD", `/v2/${REPOSITORY}/blobs/${digest}`), status)),
    );
  }
}
