import { expect, it } from "bun:test";
import { onceSuccessful } from "./once-successful.ts";

it("work is shared by all callers, and repeated only after a failure", async () => {
  let runCount = 0;
  const ready = onceSuccessful(async () => {
    runCount += 1;
    if (runCount === 1) throw new Error("not yet");
    return runCount;
  });
  const first = await Promise.allSettled([ready(), ready()]);
  expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await Promise.all([ready(), ready()])).toEqual([2, 2]);
  expect(await ready()).toBe(2);
});
