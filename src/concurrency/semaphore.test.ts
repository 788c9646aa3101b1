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

  it("keeps its places when a task fails", async () => {
    const places = new Semaphore({ places: 1 });
    await expect(places.run(() => Promise.reject(new Error("failed")))).rejects.toThrow("failed");
    expect(await places.run(async () => "fine")).toBe("fine");
  });
});
