import { describe, expect, it } from "bun:test";
import { privateBuffers, SharedBuffers } from "./gather-buffers.ts";

describe("SharedBuffers", () => {
  it("admits a limited number of users, and another when one leaves", () => {
    const pool = new SharedBuffers({ size: 10, count: 3 }, 2);
    using _first = pool.enter();
    const second = pool.enter();
    expect(pool.enter()).toBeUndefined();
    second?.[Symbol.dispose]();
    using third = pool.enter();
    expect(third?.size).toBe(10);
  });

  it("lends its buffers, in shared memory, in the order of the requests", async () => {
    const pool = new SharedBuffers({ size: 10, count: 2 }, 1);
    using user = pool.enter();
    if (user === undefined) throw new Error("not let in");
    const [one, other] = [await user.take(), await user.take()];
    expect(one.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(other).not.toBe(one);
    const waiting = [user.take(), user.take()];
    user.release(other);
    user.release(one);
    expect(await Promise.all(waiting)).toEqual([other, one]);
  });

  it("must have more buffers than users, because each user may keep one", () => {
    expect(() => new SharedBuffers({ size: 10, count: 2 }, 2)).toThrow(RangeError);
  });
});

describe("privateBuffers", () => {
  it("creates buffers up to the limit", async () => {
    using buffers = privateBuffers({ size: 10, count: 2 });
    const first = await buffers.take();
    await buffers.take();
    const third = buffers.take();
    expect(third).toBeInstanceOf(Promise);
    buffers.release(first);
    expect(await third).toBe(first);
  });
});
