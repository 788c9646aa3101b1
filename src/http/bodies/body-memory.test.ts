import { expect, it } from "bun:test";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { nextTurn } from "../../concurrency/next-turn.ts";
import { BodyMemory } from "./body-memory.ts";

const MEBIBYTE = 1024 * 1024;
const AMPLE = 1024 * MEBIBYTE;
/** How long a slow client is waited for before another body gets its turn. */
const PATIENCE_MS = 20;

it("refuses a body for which there is no memory, until another one is done", () => {
  const bodies = new BodyMemory(11 * MEBIBYTE);
  const open = Array.from({ length: 8 }, () => bodies.open(100 * MEBIBYTE));
  expect(() => bodies.open(undefined)).toThrow("too many pushes");
  // A smaller body is charged only for its own size.
  using _small = bodies.open(MEBIBYTE);
  open[0]?.[Symbol.dispose]();
  using _next = bodies.open(undefined);
});

it("takes fewer large bodies when the server has little memory left, but always half", () => {
  let room = 20 * MEBIBYTE;
  const bodies = new BodyMemory(30 * MEBIBYTE, { forBodies: () => room });
  for (let i = 0; i < 16; i++) bodies.open(undefined);
  expect(() => bodies.open(undefined)).toThrow("too many pushes");
  bodies.open(1000);
  room = 100 * MEBIBYTE;
  for (let i = 0; i < 7; i++) bodies.open(undefined);
  expect(() => bodies.open(undefined)).toThrow("too many pushes");
  const others = new BodyMemory(30 * MEBIBYTE, { forBodies: () => -MEBIBYTE });
  for (let i = 0; i < 12; i++) others.open(undefined);
  expect(() => others.open(undefined)).toThrow("too many pushes");
});

it("charges nothing while waiting for the client, and refuses what arrives when no memory is left", async () => {
  const bodies = new BodyMemory(8 * MEBIBYTE);
  const begun = Array.from({ length: 3 }, () => bodies.open(undefined));
  for (const body of begun) {
    await body.begin();
    body.listen();
  }
  const open = Array.from({ length: 6 }, () => bodies.open(undefined));
  expect(() => bodies.open(undefined)).toThrow("too many pushes");
  await expect(begun[0]?.arrived()).rejects.toThrow("too many pushes");
  for (const body of open) body[Symbol.dispose]();
  // Two take 8 MiB, and the reserve is smaller than the share of a third.
  await begun[1]?.arrived();
  await begun[2]?.arrived();
  await expect(begun[0]?.arrived()).rejects.toThrow("too many pushes");
});

it("reads a few bodies at a time, in order of arrival, and small ones at once", async () => {
  const bodies = new BodyMemory(AMPLE);
  const order: number[] = [];
  const open = Array.from({ length: 12 }, () => bodies.open(undefined));
  for (const [index, body] of open.entries()) void body.begin().then(() => order.push(index));
  await nextTurn();
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  open[9]?.[Symbol.dispose]();
  open[3]?.[Symbol.dispose]();
  open[1]?.[Symbol.dispose]();
  await nextTurn();
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 10]);
  await bodies.open(1000).begin();
});

it("passes a turn on while its client is silent, and makes that body wait when it continues", async () => {
  const clock = new ManualClock();
  const bodies = new BodyMemory(AMPLE, undefined, clock);
  const slow = Array.from({ length: 8 }, () => bodies.open(undefined));
  for (const body of slow) {
    await body.begin();
    body.listen();
  }
  const busy = Array.from({ length: 8 }, () => bodies.open(undefined));
  const begun = Promise.all(busy.map((body) => body.begin()));
  await clock.advance(PATIENCE_MS - 1);
  expect(Bun.peek.status(begun)).toBe("pending");
  await clock.advance(1);
  await begun;
  let isBack = false;
  const back = slow[0]?.arrived().then(() => {
    isBack = true;
  });
  await nextTurn();
  expect(isBack).toBe(false);
  busy[0]?.[Symbol.dispose]();
  await back;
});

it("passes a slow client's turn on as soon as it is silent again", async () => {
  const clock = new ManualClock();
  const bodies = new BodyMemory(AMPLE, undefined, clock);
  const slow = Array.from({ length: 8 }, () => bodies.open(undefined));
  for (const body of slow) {
    await body.begin();
    body.listen();
  }
  clock.pass(PATIENCE_MS + 1);
  for (const body of slow) await body.arrived();
  let hasBegun = false;
  void bodies
    .open(undefined)
    .begin()
    .then(() => {
      hasBegun = true;
    });
  await nextTurn();
  expect(hasBegun).toBe(false);
  slow[0]?.listen();
  await nextTurn();
  expect(hasBegun).toBe(true);
});

it("passes a long-held turn on to a waiting body", async () => {
  const clock = new ManualClock();
  const bodies = new BodyMemory(AMPLE, undefined, clock);
  const read = Array.from({ length: 8 }, () => bodies.open(undefined));
  for (const body of read) await body.begin();
  const waiting = bodies.open(undefined).begin();
  clock.pass(1_999);
  read[0]?.pass();
  await nextTurn();
  expect(Bun.peek.status(waiting)).toBe("pending");
  clock.pass(1);
  read[0]?.pass();
  await waiting;
});
