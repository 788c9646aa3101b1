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

it("fails locks that processes do not share", async () => {
  expect(await failedCases(new KeyedLock(), new KeyedLock())).toEqual([
    "runs one task at a time under a name, across users and within each",
    "stops waiting when the signal is aborted, and leaves the lock to its holder",
    "keeps many names apart",
  ]);
});
