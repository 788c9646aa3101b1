import { describe, expect, it } from "bun:test";
import { Semaphore, TooManyWaiting } from "./semaphore.ts";

/** Resolves when all promises that can settle without the test have settled. */
async function settled(): Promise<void> {
  await Bun.sleep(0);
}

describe("a semaphore", () => {
  it("runs at most the given number of tasks at a time, in order of arrival", async () => {
    const places = new Semaphore({ places: 2 });
    const started: number[] = [];
    const ends = [0, 1, 2, 3, 4].map(() => Promise.withResolvers<void>());
    const tasks = ends.map(({ promise }, index) =>
      places.run(async () => {
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

  it("lets a waiting task leave, and gives its place to the next", async () => {
    const places = new Semaphore({ places: 1 });
    const leaver = new AbortController();
    const end = Promise.withResolvers<void>();
    const first = places.run(() => end.promise);
    const leaving = places.run(async () => "never", leaver.signal);
    const next = places.run(async () => "next");
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    end.resolve();
    await first;
    expect(await next).toBe("next");
  });

  it("refuses tasks when too many wait, and accepts them again later", async () => {
    const places = new Semaphore({ places: 1, maxWaiting: 1 });
    const first = await places.enter();
    const second = places.enter();
    await expect(places.enter()).rejects.toBeInstanceOf(TooManyWaiting);
    expect([places.isFull, places.waiting]).toEqual([true, 1]);
    first[Symbol.dispose]();
    const place = await second;
    const third = places.enter();
    place[Symbol.dispose]();
    // A place that is released twice is still one place.
    place[Symbol.dispose]();
    (await third)[Symbol.dispose]();
    expect([places.isFull, places.waiting]).toEqual([false, 0]);
  });

  it("runs a task at once, which then has a place of those that wait, but not the last one", async () => {
    const places = new Semaphore({ places: 2 });
    const ends = Array.from({ length: 6 }, () => Promise.withResolvers<void>());
    const started: number[] = [];
    const task = (number: number) => async () => {
      started.push(number);
      await ends[number]?.promise;
    };
    const running = [0, 1, 2, 3].map((number) => places.run(task(number)));
    await settled();
    const atOnce = [4, 5].map((number) => places.runAtOnce(task(number)));
    await settled();
    expect(started).toEqual([0, 1, 4, 5]);
    ends[0]?.resolve();
    await running[0];
    await settled();
    // The first one that ran at once has its place.
    expect([places.isFull, started.length]).toEqual([true, 4]);
    ends[1]?.resolve();
    await running[1];
    await settled();
    expect(started).toEqual([0, 1, 4, 5, 2]);
    ends[4]?.resolve();
    await atOnce[0];
    await settled();
    expect(started).toEqual([0, 1, 4, 5, 2, 3]);
    for (const { resolve } of ends) resolve();
    await Promise.all([...running, ...atOnce]);
    expect([places.isFull, places.waiting]).toEqual([false, 0]);
  });

  it("keeps its places when a task fails", async () => {
    const places = new Semaphore({ places: 1 });
    await expect(places.run(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await places.run(async () => "fine")).toBe("fine");
  });
});
