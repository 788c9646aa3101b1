import { expect, it } from "bun:test";
import pino from "pino";
import { eventually } from "../../test/support/eventually.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { HAS_APT, openSearchable } from "../../test/support/searchable-packages.ts";
import type { PackageIndex } from "../builder/package-index.ts";
import { KeyedLock } from "../concurrency/keyed-lock.ts";
import { packageIndexing } from "./package-indexing.ts";
import { Upkeep } from "./upkeep.ts";

/** Time limit of a test, in milliseconds; only a safety net. */
const LONG_MS = 120_000;
const SIGNAL = new AbortController().signal;
const MINUTE_MS = 60_000;
const PLATFORM = { os: "linux", architecture: "amd64" };

/** A running upkeep, and what it logs. */
function start(index: PackageIndex) {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = pino({}, { write: (line) => void logged.push(JSON.parse(line).msg) });
  const upkeep = new Upkeep({ locks: new KeyedLock(), clock, log });
  const jobs = packageIndexing(index, log);
  for (const job of jobs) upkeep.start(job);
  /** Advances the clock, and waits until every job is in a pause again. */
  const pass = async (minutes: number) => {
    await clock.advance(minutes * MINUTE_MS);
    await eventually(() => clock.waiting === jobs.length);
  };
  return { upkeep, clock, logged, pass };
}

describeWith("the upkeep of the package index", HAS_APT, "no apt", () => {
  it(
    "downloads nothing, indexes what has been downloaded, and follows its changes",
    async () => {
      await using searchable = await openSearchable();
      const one = await searchable.addSource("one");
      await one.repository.publish([{ name: "first" }]);
      const index = await searchable.open(one.source);
      const { upkeep, logged, pass } = start(index);
      await using _stopped = upkeep;
      const names = async () => (await index.search({ word: "test" })).map(({ name }) => name);
      await pass(1);
      expect(await index.isIndexed("one")).toBe(false);
      await one.source.catalog?.(PLATFORM).refresh(SIGNAL);
      await pass(10);
      expect(await names()).toEqual(["first"]);
      await one.repository.publish([{ name: "second" }]);
      await pass(10);
      expect(await names()).toEqual(["first"]);
      await one.source.catalog?.(PLATFORM).refresh(SIGNAL);
      await pass(10);
      expect(await names()).toEqual(["second"]);
      expect(one.reads()).toBe(2);
      expect(logged).toEqual(Array.from({ length: 2 }, () => "packages indexed for searches"));
    },
    LONG_MS,
  );

  it(
    "logs a failure, retries less and less often, and continues with other sources",
    async () => {
      await using searchable = await openSearchable();
      const [failing, sound] = [await searchable.addSource("failing"), await searchable.addSource("sound")];
      failing.beforeReading = () => Promise.reject(new Error("cannot be read"));
      for (const { source } of [failing, sound]) await source.catalog?.(PLATFORM).refresh(SIGNAL);
      const index = await searchable.open(failing.source, sound.source);
      const { upkeep, logged, pass } = start(index);
      await using _stopped = upkeep;
      const tries: number[] = [];
      for (const minutes of [1, 10, 10, 10, 10, 10, 10, 10]) {
        await pass(minutes);
        tries.push(failing.reads());
      }
      expect(tries).toEqual([1, 2, 2, 3, 3, 3, 3, 4]);
      expect(sound.reads()).toBe(1);
      expect(logged.filter((message) => message.startsWith("indexing packages failed"))).toHaveLength(4);
      failing.beforeReading = async () => {};
      for (let round = 0; round < 8; round += 1) await pass(10);
      expect(await index.isIndexed("failing")).toBe(true);
    },
    LONG_MS,
  );

  it(
    "stops in the middle of its work when it is disposed of, and logs nothing",
    async () => {
      await using searchable = await openSearchable();
      const one = await searchable.addSource("one");
      await one.repository.publish([{ name: "first" }]);
      await one.source.catalog?.(PLATFORM).refresh(SIGNAL);
      const index = await searchable.open(one.source);
      const reading = Promise.withResolvers<void>();
      one.beforeReading = (signal) => {
        reading.resolve();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      };
      const { upkeep, clock, logged } = start(index);
      await clock.advance(MINUTE_MS);
      await reading.promise;
      await upkeep[Symbol.asyncDispose]();
      expect(clock.waiting).toBe(0);
      expect(await index.isIndexed("one")).toBe(false);
      expect(logged).toEqual([]);
    },
    LONG_MS,
  );
});
