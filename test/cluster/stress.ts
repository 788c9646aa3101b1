import type { Cluster } from "../../examples/cluster/cluster.ts";
import { Random } from "../fuzz/random.ts";
import type { Checks } from "../support/checks.ts";
import { Chaos } from "./chaos.ts";
import { Disturbances } from "./disturbances.ts";
import { PatientClient, type RequestCounts } from "./patient-client.ts";
import { RepositoryModel } from "./repository-model.ts";
import { verifyAll } from "./verification.ts";
import { Worker } from "./worker.ts";

const CLIENTS = 32;
/** Maximum failures to print one by one. */
const TOLD = 20;

/**
 * Clients work through the proxy while processes are killed, stopped and restarted at random. Then everything is
 * repaired, and every instance must serve exactly what was acknowledged.
 */
export async function stress(
  cluster: Cluster,
  redisUrl: string,
  seed: number,
  minutes: number,
  checks: Checks,
): Promise<void> {
  const random = new Random(seed);
  const disturbances = new Disturbances();
  const counts: RequestCounts = { requests: 0, excused: 0, unexplained: [] };
  const models = Array.from({ length: CLIENTS }, (_, index) => new RepositoryModel(`stress/client-${index}`));
  const client = new PatientClient(cluster.url, disturbances, counts);
  const chaos = new Chaos(cluster, random.fork(), disturbances, redisUrl);
  const deadline = performance.now() + minutes * 60_000;
  const ended = () => performance.now() > deadline;
  const workers = models.map((model) => new Worker(model, { client, random: random.fork(), checks, models }));
  let disturbing = true;
  const upheaval = chaos.run(ended).finally(() => {
    disturbing = false;
  });
  // Nobody stops before the last disturbance is over, because clients must continue what it broke.
  const working = workers.map((worker) => worker.run(() => ended() && !disturbing));
  const outcomes = await Promise.allSettled([upheaval, ...working]);
  for (const outcome of outcomes) {
    checks.check(outcome.status === "fulfilled", () => String((outcome as PromiseRejectedResult).reason));
  }
  console.log(`${counts.requests} requests, of which ${counts.excused} failed with an instance or the proxy`);
  console.log(`what happened: ${chaos.happened}`);
  for (const failure of counts.unexplained.slice(0, TOLD)) console.log(`UNEXPLAINED ${failure}`);
  checks.check(
    counts.unexplained.length === 0,
    () => `${counts.unexplained.length} requests failed while every instance and the proxy were up`,
  );
  for (const [index, url] of cluster.instanceUrls.entries())
    await verifyAll(url, models, checks, index === 0);
}
