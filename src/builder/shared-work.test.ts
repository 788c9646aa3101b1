import { describe, expect, it } from "bun:test";
import { ConcurrencyLimit } from "../oci/concurrency-limit.ts";
import { SharedWork } from "./shared-work.ts";

describe("shared work", () => {
  it("runs once for all who ask meanwhile, and again for who asks afterwards", async () => {
    const work = new SharedWork<number>();
    let runs = 0;
    const task = async (): Promise<number> => {
      await Bun.sleep(5);
      runs += 1;
      return runs;
    };
    const first = await Promise.all([work.run("a", undefined, task), work.run("a", undefined, task)]);
    expect(first).toEqual([1, 1]);
    expect(await work.run("a", undefined, task)).toBe(2);
  });

  it("goes on for the others when one goes away", async () => {
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    const task = async (signal: AbortSignal): Promise<string> => {
      await Bun.sleep(20);
      return signal.aborted ? "aborted" : "done";
    };
    const leaving = work.run("a", leaver.signal, task);
    const staying = work.run("a", undefined, task);
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(await staying).toBe("done");
  });

  it("is aborted when nobody waits any more, and starts anew for a newcomer", async () => {
    const work = new SharedWork<string>();
    const leaver = new AbortController();
    let seen: AbortSignal | undefined;
    const leaving = work.run("a", leaver.signal, async (signal) => {
      seen = signal;
      await Bun.sleep(20);
      return "first";
    });
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(seen?.aborted).toBe(true);
    expect(await work.run("a", undefined, async () => "second")).toBe("second");
  });

  it("tells everybody of a failure and keeps nothing of it", async () => {
    const work = new SharedWork<string>();
    const fail = async (): Promise<string> => {
      await Bun.sleep(1);
      throw new Error("broken");
    };
    const outcomes = await Promise.allSettled([
      work.run("a", undefined, fail),
      work.run("a", undefined, fail),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
    expect(await work.run("a", undefined, async () => "fine")).toBe("fine");
  });
});

describe("a concurrency limit", () => {
  it("runs no more tasks at a time than it says, in the order they came", async () => {
    const limit = new ConcurrencyLimit(2);
    const started: number[] = [];
    let running = 0;
    let most = 0;
    const task = (index: number) => async (): Promise<void> => {
      started.push(index);
      running += 1;
      most = Math.max(most, running);
      await Bun.sleep(2);
      running -= 1;
    };
    await Promise.all([0, 1, 2, 3, 4].map((index) => limit.run(task(index))));
    expect(most).toBe(2);
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  it("lets who waits go away, and gives the place to the next", async () => {
    const limit = new ConcurrencyLimit(1);
    const leaver = new AbortController();
    const first = limit.run(() => Bun.sleep(10));
    const leaving = limit.run(async () => "never", leaver.signal);
    const next = limit.run(async () => "next");
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    await first;
    expect(await next).toBe("next");
  });
});
