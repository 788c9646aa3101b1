import { describe, expect, it } from "bun:test";
import { ConcurrencyLimit } from "../oci/concurrency-limit.ts";
import { SharedWork } from "./shared-work.ts";

/** Resolves when all promises that can settle without the test have settled. */
async function settled(): Promise<void> {
  await Bun.sleep(0);
}

describe("shared work", () => {
  it("runs once for all who ask meanwhile, and again for who asks afterwards", async () => {
    const work = new SharedWork<number>();
    const end = Promise.withResolvers<void>();
    let runs = 0;
    const task = async (): Promise<number> => {
      runs += 1;
      const run = runs;
      await end.promise;
      return run;
    };
    const first = [work.run("a", undefined, task), work.run("a", undefined, task)];
    end.resolve();
    expect(await Promise.all(first)).toEqual([1, 1]);
    expect(await work.run("a", undefined, task)).toBe(2);
  });

  it("goes on for the others when one goes away", async () => {
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    const end = Promise.withResolvers<void>();
    const task = async (signal: AbortSignal): Promise<string> => {
      await end.promise;
      return signal.aborted ? "aborted" : "done";
    };
    const leaving = work.run("a", leaver.signal, task);
    const staying = work.run("a", undefined, task);
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    end.resolve();
    expect(await staying).toBe("done");
  });

  it("is aborted when nobody waits any more, and starts anew for a newcomer", async () => {
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    const end = Promise.withResolvers<string>();
    let seen: AbortSignal | undefined;
    const leaving = work.run("a", leaver.signal, (signal) => {
      seen = signal;
      return end.promise;
    });
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(seen?.aborted).toBe(true);
    expect(await work.run("a", undefined, async () => "second")).toBe("second");
    end.resolve("first");
  });

  it("tells everybody of a failure and keeps nothing of it", async () => {
    const work = new SharedWork<string>();
    const end = Promise.withResolvers<string>();
    let runs = 0;
    const fail = (): Promise<string> => {
      runs += 1;
      return end.promise;
    };
    const both = Promise.allSettled([work.run("a", undefined, fail), work.run("a", undefined, fail)]);
    end.reject(new Error("broken"));
    expect((await both).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
    expect(runs).toBe(1);
    expect(await work.run("a", undefined, async () => "fine")).toBe("fine");
  });
});

describe("a concurrency limit", () => {
  it("runs no more tasks at a time than it says, in the order they came", async () => {
    const limit = new ConcurrencyLimit(2);
    const started: number[] = [];
    const ends = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>());
    const tasks = ends.map(({ promise }, index) =>
      limit.run(async () => {
        started.push(index);
        await promise;
      }),
    );
    for (const [index, { resolve }] of ends.entries()) {
      await settled();
      expect(started).toEqual([0, 1, 2, 3, 4].slice(0, index + 2));
      resolve();
      await tasks[index];
    }
  });

  it("lets who waits go away, and gives the place to the next", async () => {
    const limit = new ConcurrencyLimit(1);
    const leaver = new AbortController();
    const end = Promise.withResolvers<void>();
    const first = limit.run(() => end.promise);
    const leaving = limit.run(async () => "never", leaver.signal);
    const next = limit.run(async () => "next");
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    end.resolve();
    await first;
    expect(await next).toBe("next");
  });
});
