import type { Checks } from "../../support/checks.ts";
import { Random } from "../../support/random.ts";
import { figure } from "../figures.ts";
import type { Disturbances } from "./disturbances.ts";
import { PatientClient, type RequestCounts } from "./patient-client.ts";
import { RepositoryModel } from "./repository-model.ts";
import { verifyAll } from "./verification.ts";
import { Worker } from "./worker.ts";

const CLIENTS = 32;
/** Maximum failures to print one by one. */
const TOLD = 20;

/** Options of {@link stress}. */
export interface StressOptions {
  readonly target: {
    /** Where clients connect. */
    readonly url: string;
    /** Where each instance listens; all are compared with what was acknowledged. */
    readonly instanceUrls: readonly string[];
  };
  readonly disturbances: Disturbances;
  /**
   * Disturbs the servers at random until `ended` returns true, then repairs everything. Resolves to a summary in one
   * line.
   */
  readonly disturb: (random: Random, ended: () => boolean) => Promise<string>;
  readonly seed: number;
  readonly seconds: number;
  readonly checks: Checks;
}

/**
 * Clients work while processes are killed, stopped and restarted at random. Then everything is repaired, and every
 * instance must serve exactly what was acknowledged.
 */
export async function stress(options: StressOptions): Promise<void> {
  const { target, disturbances, disturb, seed, seconds, checks } = options;
  const random = new Random(seed);
  const counts: RequestCounts = { requests: 0, excused: 0, unexplained: [] };
  const models = Array.from({ length: CLIENTS }, (_, index) => new RepositoryModel(`stress/client-${index}`));
  const client = new PatientClient(target.url, disturbances, counts);
  const deadline = performance.now() + seconds * 1000;
  const ended = () => performance.now() > deadline;
  const disturbing = random.fork();
  const workers = models.map((model) => new Worker(model, { client, random: random.fork(), checks, models }));
  let isDisturbed = true;
  const upheaval = disturb(disturbing, ended).finally(() => {
    isDisturbed = false;
  });
  // No client stops before the last disturbance is over, because clients must continue what it interrupted.
  const working = workers.map((worker) => worker.run(() => ended() && !isDisturbed));
  const [happened, ...outcomes] = await Promise.allSettled([upheaval, ...working]);
  for (const outcome of [happened, ...outcomes]) {
    checks.check(outcome.status === "fulfilled", () => String((outcome as PromiseRejectedResult).reason));
  }
  figure("requests", String(counts.requests));
  figure("of which failed with a process that was down", String(counts.excused));
  if (happened.status === "fulfilled") figure("disturbances", happened.value);
  for (const failure of counts.unexplained.slice(0, TOLD)) console.log(`UNEXPLAINED ${failure}`);
  checks.check(
    counts.unexplained.length === 0,
    () => `${counts.unexplained.length} requests failed while every process was up`,
  );
  for (const [index, url] of target.instanceUrls.entries()) await verifyAll(url, models, checks, index === 0);
}
