import { beforeEach, expect, it } from "bun:test";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { LoopTurns } from "./loop-turns.ts";
import { nextTurn } from "./next-turn.ts";

let clock: ManualClock;
beforeEach(() => {
  clock = new ManualClock();
});

/** Turns with a clock that moves only while something is busy. */
function createTurns(turnMs?: number, pieceEveryMs?: number): LoopTurns {
  return new LoopTurns(turnMs, pieceEveryMs, clock);
}

const busy = (milliseconds: number) => clock.pass(milliseconds);

it("answers at once, without a promise, while the turn lasts", () => {
  const turns = createTurns(60_000);
  expect(turns.run(() => 1)).toBe(1);
  expect(turns.run(() => 2)).toBe(2);
});

it("lets others run once a turn has lasted long enough, and keeps the order of requests", async () => {
  const turns = createTurns(6);
  const seen: string[] = [];
  const request = (name: string) =>
    turns.run(() => {
      seen.push(name);
      busy(4);
    });
  setImmediate(() => seen.push("another connection"));
  await Promise.all(["first", "second", "third", "fourth"].map(request));
  expect(seen).toEqual(["first", "second", "another connection", "third", "fourth"]);
});

it("passes on the error of a delayed answer", async () => {
  const turns = createTurns();
  turns.run(() => busy(4));
  const outcomes = await Promise.allSettled([
    turns.run(() => {
      throw new Error("thrown");
    }),
    turns.run(() => Promise.reject(new Error("rejected"))),
    turns.run(() => "still answers"),
  ]);
  expect(outcomes).toEqual([
    { status: "rejected", reason: new Error("thrown") },
    { status: "rejected", reason: new Error("rejected") },
    { status: "fulfilled", value: "still answers" },
  ]);
});

it("continues one piece of long work in a turn, and answers requests between the pieces", async () => {
  const turns = createTurns(3, 60_000);
  const seen: string[] = [];
  const work = async (name: string) => {
    for (let piece = 1; piece <= 2; piece++) {
      await turns.nextPiece();
      seen.push(`${name}${piece}`);
    }
  };
  const everything = [work("a"), work("b")];
  for (let turn = 0; turn < 4; turn++) {
    await nextTurn();
    seen.push("|");
    turns.run(() => seen.push("request"));
  }
  await Promise.all(everything);
  expect(seen.filter((entry) => entry !== "|" && entry !== "request")).toEqual(["a1", "b1", "a2", "b2"]);
  for (const [index, entry] of seen.entries()) {
    if (/^[ab]\d/.test(entry)) expect(seen[index + 1] ?? "|").not.toMatch(/^[ab]\d/);
  }
});

it("sends parts of long answers at once while the turn lasts, and answers requests before parts that wait", async () => {
  const turns = createTurns();
  expect(turns.nextPart()).toBeUndefined();
  turns.run(() => busy(5));
  const seen: string[] = [];
  const part = turns.nextPart();
  expect(part).toBeInstanceOf(Promise);
  const everything = [
    Promise.resolve(part).then(() => seen.push("part")),
    Promise.resolve(turns.run(() => seen.push("request"))),
  ];
  await Promise.all(everything);
  expect(seen).toEqual(["request", "part"]);
});

it("counts time spent after an answer returned, and ends the turn early", () => {
  const turns = createTurns(1000);
  turns.run(() => turns.spend(2000));
  expect(turns.run(() => "later")).toBeInstanceOf(Promise);
});

it("lets more waiting work continue after a long turn", async () => {
  const turns = createTurns(3, 10);
  const seen: string[] = [];
  const pieces = ["a", "b", "c", "d"].map((name) => turns.nextPiece().then(() => seen.push(name)));
  busy(25);
  await nextTurn();
  expect(seen).toEqual(["a", "b", "c"]);
  await Promise.all(pieces);
  expect(seen).toEqual(["a", "b", "c", "d"]);
});
