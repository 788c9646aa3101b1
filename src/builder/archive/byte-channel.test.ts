import { expect, it } from "bun:test";
import fc from "fast-check";
import { ByteChannel } from "./byte-channel.ts";

async function readAll(channel: ByteChannel): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of channel.read()) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

it("passes on all bytes in order, whatever the sizes of the pieces", async () => {
  const size = fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 60_000, max: 200_000 }));
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 12 }), async (sizes) => {
      const pieces = sizes.map((length, index) => Buffer.alloc(length, index + 1));
      const channel = new ByteChannel();
      const reading = readAll(channel);
      for (const piece of pieces) {
        const own = new Uint8Array(piece);
        await channel.write(own);
        // The writer may use it again.
        own.fill(0);
      }
      await channel.end();
      expect((await reading).equals(Buffer.concat(pieces))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("keeps a writer back that is ahead of its reader", async () => {
  const channel = new ByteChannel();
  let written = 0;
  const writing = (async () => {
    for (; written < 20; written += 1) await channel.write(new Uint8Array(50_000));
    await channel.end();
  })();
  const reader = channel.read();
  await reader.next();
  await new Promise(setImmediate);
  expect(written).toBeLessThan(5);
  let left = 0;
  for await (const chunk of reader) left += chunk.byteLength;
  await writing;
  expect([written, left]).toEqual([20, 20 * 50_000 - 50_000]);
});

it("fails for both sides, also for one that waits", async () => {
  const failure = new Error("no more");
  const waiting = new ByteChannel();
  const reading = readAll(waiting);
  waiting.fail(failure);
  await expect(reading).rejects.toBe(failure);
  await expect(waiting.write(new Uint8Array(1))).rejects.toBe(failure);
  const full = new ByteChannel();
  const writing = full.write(new Uint8Array(1 << 20));
  full.fail(failure);
  full.fail(new Error("too late"));
  await expect(writing).rejects.toBe(failure);
});
