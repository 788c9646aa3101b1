import { expect, it, spyOn } from "bun:test";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { MemoryRoom } from "./memory-room.ts";

const MEBIBYTE = 1024 * 1024;
/** So long that the last measurement has expired. */
const LATER_MS = 11;

it("leaves less to bodies the more memory everything else takes", () => {
  const clock = new ManualClock();
  let resident = 80 * MEBIBYTE;
  const room = new MemoryRoom(240 * MEBIBYTE, () => resident, clock);
  expect(room.forBodies(0) / MEBIBYTE).toBeCloseTo(160 / 1.35);
  resident = 215 * MEBIBYTE;
  clock.pass(LATER_MS);
  // Of these 215 MiB, bodies that hold 100 MiB in their accounts take 135 MiB.
  expect(room.forBodies(100 * MEBIBYTE) / MEBIBYTE).toBeCloseTo(160 / 1.35);
  clock.pass(LATER_MS);
  expect(room.forBodies(0) / MEBIBYTE).toBeCloseTo(25 / 1.35);
  resident = 300 * MEBIBYTE;
  clock.pass(LATER_MS);
  expect(room.forBodies(0)).toBeLessThan(0);
});

it("asks the system only now and then", () => {
  const clock = new ManualClock();
  let measured = 0;
  const room = new MemoryRoom(
    240 * MEBIBYTE,
    () => {
      measured += 1;
      return 80 * MEBIBYTE;
    },
    clock,
  );
  for (let request = 0; request < 50; request++) {
    room.forBodies(0);
    clock.pass(1);
  }
  expect(measured).toBe(5);
});

it("measures this process by default", () => {
  using _ = spyOn(process.memoryUsage, "rss").mockReturnValue(135 * MEBIBYTE);
  expect(new MemoryRoom(270 * MEBIBYTE).forBodies(0) / MEBIBYTE).toBeCloseTo(100);
});
