import { expect, test } from "bun:test";
import { WriteQueue } from "./write-queue.ts";

const piece = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A file in memory that takes two bytes at a time, and fails at `failAt`. */
function file(failAt = Number.POSITIVE_INFINITY) {
  const written: string[] = [];
  const write = async (bytes: Uint8Array, position: number) => {
    if (position >= failAt) throw new Error(`no space at ${position}`);
    const part = bytes.subarray(0, 2);
    written.push(`${position} ${text(part)}`);
    return part.byteLength;
  };
  return { written, write };
}

test("writes pieces in order, each whole, behind the last one, and passes them to the tap", async () => {
  const { written, write } = file();
  const tapped: string[] = [];
  const released: number[] = [];
  const queue = new WriteQueue(10, write, (bytes) => void tapped.push(text(bytes)));
  queue.push(piece("abc"), () => released.push(1));
  queue.push(piece("de"), () => released.push(2));
  await queue.idle();
  queue.throwIfFailed();
  expect(written).toEqual(["10 ab", "12 c", "13 de"]);
  expect(tapped).toEqual(["abc", "de"]);
  expect(released).toEqual([1, 2]);
});

test("after a failed write nothing is written, the first failure is kept, and every piece is released", async () => {
  const { written, write } = file(2);
  const released: number[] = [];
  const queue = new WriteQueue(0, write, () => undefined);
  for (const number of [1, 2, 3]) queue.push(piece("abc"), () => released.push(number));
  await queue.idle();
  expect(() => queue.throwIfFailed()).toThrow("no space at 2");
  expect(written).toEqual(["0 ab"]);
  expect(released).toEqual([1, 2, 3]);
});

test.each([
  [
    "throws",
    () => {
      throw new Error("cannot hash");
    },
  ],
  ["rejects", () => Promise.reject(new Error("cannot hash"))],
])("a tap that %s is a failure of the piece", async (_, tap) => {
  const { write } = file();
  const queue = new WriteQueue(0, write, tap);
  queue.push(piece("ab"), () => undefined);
  await queue.idle();
  expect(() => queue.throwIfFailed()).toThrow("cannot hash");
});

test("a piece is released only when its tap is done, and after those in front of it", async () => {
  const { write } = file();
  const taps = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const released: number[] = [];
  let next = 0;
  const queue = new WriteQueue(0, write, () => taps[next++]?.promise);
  queue.push(piece("ab"), () => released.push(1));
  queue.push(piece("cd"), () => released.push(2));
  taps[1]?.resolve();
  await Bun.sleep(0);
  expect(released).toEqual([]);
  taps[0]?.resolve();
  await queue.idle();
  expect(released).toEqual([1, 2]);
});
