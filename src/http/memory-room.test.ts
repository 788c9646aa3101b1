import { expect, it } from "bun:test";
import { MemoryRoom } from "./memory-room.ts";

const MEBIBYTE = 1024 * 1024;

it("leaves less to bodies the more memory everything else takes", async () => {
  let resident = 80 * MEBIBYTE;
  const room = new MemoryRoom(240 * MEBIBYTE, () => resident);
  expect(room.forBodies(0) / MEBIBYTE).toBeCloseTo(160 / 1.35);
  resident = 215 * MEBIBYTE;
  await Bun.sleep(15);
  // Of these 215 MiB, bodies that hold 100 take 135.
  expect(room.forBodies(100 * MEBIBYTE) / MEBIBYTE).toBeCloseTo(160 / 1.35);
  await Bun.sleep(15);
  expect(room.forBodies(0) / MEBIBYTE).toBeCloseTo(25 / 1.35);
  resident = 300 * MEBIBYTE;
  await Bun.sleep(15);
  expect(room.forBodies(0)).toBeLessThan(0);
});

it("measures this process by default", () => {
  const room = new MemoryRoom(0).forBodies(0);
  expect(-room).toBeGreaterThan(MEBIBYTE);
  expect(-room * 1.35).toBeLessThan(2 * process.memoryUsage.rss());
});
