import { expect, it } from "bun:test";
import { KeyedLock } from "./keyed-lock.ts";

it("stops waiting as soon as the signal is aborted, and keeps those behind waiting", async () => {
  const locks = new KeyedLock();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = locks.run("name", async () => {
    await held;
    order.push("first");
  });
  const controller = new AbortController();
  const second = locks.run("name", async () => order.push("second"), controller.signal);
  const third = locks.run("name", async () => order.push("third"));
  controller.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  expect(order).toEqual([]);
  release();
  await Promise.all([first, third]);
  expect(order).toEqual(["first", "third"]);
});

it("does not start if the signal is already aborted", async () => {
  const locks = new KeyedLock();
  const work = locks.run("name", async () => "done", AbortSignal.abort(new Error("too late")));
  await expect(work).rejects.toThrow("too late");
  expect(await locks.run("name", async () => "done")).toBe("done");
});
