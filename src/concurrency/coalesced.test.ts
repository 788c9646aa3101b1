import { describe, expect, it } from "bun:test";
import { Coalesced } from "./coalesced.ts";

describe("coalesced work", () => {
  it("runs once for all who ask before it starts, one at a time", async () => {
    let started = 0;
    let running = 0;
    const work = new Coalesced(async () => {
      started += 1;
      running += 1;
      expect(running).toBe(1);
      await Bun.sleep(0);
      running -= 1;
    });
    const first = work.run();
    await Promise.resolve();
    await Promise.resolve();
    const others = Array.from({ length: 10 }, () => work.run());
    await Promise.all([first, ...others]);
    expect(started).toBe(2);
    await work.run();
    expect(started).toBe(3);
  });

  it("fails for those who asked for it, and runs again for others", async () => {
    let started = 0;
    const work = new Coalesced(async () => {
      started += 1;
      if (started === 1) throw new Error("failed");
    });
    await expect(work.run()).rejects.toThrow("failed");
    await work.run();
    expect(started).toBe(2);
  });
});
