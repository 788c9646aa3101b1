import { expect } from "bun:test";
import { nextTurn } from "../../src/concurrency/next-turn.ts";
import type { WorkLocks } from "../../src/concurrency/work-locks.ts";

/** Two users of the same locks, such as two processes, or two callers in one process. */
export interface LockUsers extends AsyncDisposable {
  readonly one: WorkLocks;
  readonly other: WorkLocks;
}

/** A test that all {@link WorkLocks} must pass. */
export interface WorkLocksCase {
  readonly name: string;
  run(users: LockUsers): Promise<void>;
}

/** Every {@link WorkLocks} must pass all of these. */
export const WORK_LOCKS_CASES: readonly WorkLocksCase[] = [
  {
    name: "runs one task at a time under a name, across users and within each",
    async run({ one, other }) {
      let working = 0;
      let most = 0;
      const work = async () => {
        working += 1;
        most = Math.max(most, working);
        await Bun.sleep(5);
        working -= 1;
      };
      await Promise.all([one, other, one, other, one, other].map((locks) => locks.run("a", work)));
      expect(most).toBe(1);
    },
  },
  {
    name: "runs tasks under different names at the same time",
    async run({ one, other }) {
      expect(await one.run("a", () => other.run("b", async () => "done"))).toBe("done");
      expect(await one.run("a", () => one.run("b", async () => "done"))).toBe("done");
    },
  },
  {
    name: "stops waiting when the signal is aborted, and leaves the lock to its holder",
    async run({ one, other }) {
      const reason = new Error("enough");
      let ran = false;
      await one.run("a", async () => {
        for (const locks of [one, other]) {
          const giveUp = new AbortController();
          const work = async () => {
            ran = true;
          };
          const waiting = locks.run("a", work, giveUp.signal);
          setTimeout(() => giveUp.abort(reason), 10);
          await expect(waiting).rejects.toBe(reason);
        }
      });
      expect(ran).toBe(false);
      expect(await other.run("a", async () => 1)).toBe(1);
    },
  },
  {
    name: "rethrows a failure, and releases the lock",
    async run({ one, other }) {
      const failure = new Error("work failed");
      await expect(one.run("a", () => Promise.reject(failure))).rejects.toBe(failure);
      expect(await other.run("a", async () => 1)).toBe(1);
    },
  },
  {
    name: "keeps many names apart",
    async run({ one, other }) {
      const names = Array.from({ length: 200 }, (_, number) => `name/${number % 20}`);
      const counts = new Map<string, number>();
      const work = (name: string) => async () => {
        const count = counts.get(name) ?? 0;
        await nextTurn();
        counts.set(name, count + 1);
      };
      await Promise.all(
        names.map((name, i) => (Math.floor(i / 20) % 2 === 0 ? one : other).run(name, work(name))),
      );
      expect([...counts.values()]).toEqual(Array(20).fill(10));
    },
  },
];
