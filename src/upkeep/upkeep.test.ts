import { expect, test } from "bun:test";
import pino from "pino";
import { eventually } from "../../test/support/eventually.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import type { Job } from "./job.ts";
import { Upkeep } from "./upkeep.ts";

const MINUTE_MS = 60_000;

/** An upkeep of one instance, and what it logs. */
function open(locks = new KeyedLock()) {
  const clock = new ManualClock();
  const logged: Record<string, unknown>[] = [];
  const log = pino({}, { write: (line) => void logged.push(JSON.parse(line)) });
  return { upkeep: new Upkeep({ locks, clock, log }), clock, logged };
}

/** A job that runs every minute, unless `changes` says otherwise, and the times of its runs in minutes. */
function counted(clock: ManualClock, changes: Partial<Job>) {
  const startedAt = clock.now();
  const runs: number[] = [];
  const job: Job = {
    name: "counted",
    scope: "registry",
    everyMs: MINUTE_MS,
    failureMessage: "counting failed",
    ...changes,
    async run(signal) {
      runs.push((clock.now() - startedAt) / MINUTE_MS);
      await changes.run?.(signal);
    },
  };
  return { job, runs };
}

test("a job runs at the start, and then again and again", async () => {
  const { upkeep, clock } = open();
  await using _stopped = upkeep;
  const { job, runs } = counted(clock, {});
  upkeep.start(job);
  for (let minute = 0; minute < 3; minute += 1) await clock.advance(MINUTE_MS);
  expect(runs).toEqual([0, 1, 2, 3]);
});

test("a job with a first delay begins later", async () => {
  const { upkeep, clock } = open();
  await using _stopped = upkeep;
  const { job, runs } = counted(clock, { firstAfterMs: 2 * MINUTE_MS });
  upkeep.start(job);
  for (let minute = 0; minute < 3; minute += 1) await clock.advance(MINUTE_MS);
  expect(runs).toEqual([2, 3]);
});

test("a failure is logged, and does not end the schedule", async () => {
  const { upkeep, clock, logged } = open();
  await using _stopped = upkeep;
  const { job, runs } = counted(clock, { run: () => Promise.reject(new Error("no disk")) });
  upkeep.start(job);
  for (let minute = 0; minute < 2; minute += 1) await clock.advance(MINUTE_MS);
  expect(runs).toEqual([0, 1, 2]);
  expect(logged[0]).toMatchObject({ job: "counted", msg: "counting failed", err: { message: "no disk" } });
});

test("a job with a longest pause waits twice as long after each failure, and as usual after a success", async () => {
  const { upkeep, clock } = open();
  await using _stopped = upkeep;
  let isFailing = true;
  const { job, runs } = counted(clock, {
    maxPauseMs: 4 * MINUTE_MS,
    run: () => (isFailing ? Promise.reject(new Error("not yet")) : Promise.resolve()),
  });
  upkeep.start(job);
  for (let minute = 0; minute < 11; minute += 1) await clock.advance(MINUTE_MS);
  expect(runs).toEqual([0, 1, 3, 7, 11]);
  isFailing = false;
  for (let minute = 0; minute < 5; minute += 1) await clock.advance(MINUTE_MS);
  expect(runs.slice(5)).toEqual([15, 16]);
});

test("instances that share their locks run a job of the registry one at a time, and a job of each instance independently", async () => {
  const locks = new KeyedLock();
  const instances = [open(locks), open(locks)];
  const running = { registry: 0, instance: 0 };
  const done = Promise.withResolvers<void>();
  for (const { upkeep, clock } of instances) {
    for (const scope of ["registry", "instance"] as const) {
      const run = async () => {
        running[scope] += 1;
        await done.promise;
      };
      upkeep.start(counted(clock, { name: scope, scope, run }).job);
    }
  }
  await eventually(() => running.instance === 2 && running.registry > 0);
  expect(running.registry).toBe(1);
  done.resolve();
  await eventually(() => running.registry === 2);
  await Promise.all(instances.map(({ upkeep }) => upkeep[Symbol.asyncDispose]()));
});

test("disposing stops a running job and one that waits for its lock, waits for both, and logs nothing", async () => {
  const { upkeep, clock, logged } = open();
  let hasEnded = false;
  const begun = Promise.withResolvers<void>();
  const run = async (signal: AbortSignal) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    hasEnded = true;
    signal.throwIfAborted();
  };
  upkeep.start(counted(clock, { run }).job);
  const { job, runs } = counted(clock, {});
  upkeep.start(job);
  await begun.promise;
  await upkeep[Symbol.asyncDispose]();
  expect(hasEnded).toBe(true);
  expect(runs).toEqual([]);
  expect(clock.waiting).toBe(0);
  expect(logged).toEqual([]);
});
