import { expect, it } from "bun:test";
import { KeyedLock } from "../../src/concurrency/keyed-lock.ts";
import type { WorkLocks } from "../../src/concurrency/work-locks.ts";
import { WORK_LOCKS_CASES } from "./work-locks.contract.ts";

async function failedCases(one: WorkLocks, other: WorkLocks): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of WORK_LOCKS_CASES) {
    await run({ one, other, [Symbol.asyncDispose]: async () => {} }).catch(() => failed.push(name));
  }
  return failed;
}

it("passes the locks of one process", async () => {
  const locks = new KeyedLock();
  expect(await failedCases(locks, locks)).toEqual([]);
});

it("fails locks that each process has for itself", async () => {
  expect(await failedCases(new KeyedLock(), new KeyedLock())).toEqual([
    "lets one work at a time under a name, among its users and within each",
    "waits no longer than the signal allows, and leaves the lock as it is",
    "keeps many names apart",
  ]);
});
