import { afterAll, expect, it, setDefaultTimeout } from "bun:test";
import { GzipThreads } from "./gzip-threads.ts";

setDefaultTimeout(60_000);

const gzip = new GzipThreads(2);

afterAll(() => gzip[Symbol.dispose]());

it("compresses blocks of any size, however many at once, while the caller writes over them", async () => {
  const sizes = [1 << 20, 0, 5, 3 << 20, 1 << 20, 70_000];
  const block = new Uint8Array(Math.max(...sizes));
  for (let round = 0; round < 3; round += 1) {
    const members = Array.from({ length: 5 }, (_, index) => index + round * 5).flatMap((seed) =>
      sizes.map((size) => {
        const member = gzip.compress(block.fill(seed).subarray(0, size));
        return { seed, size, member };
      }),
    );
    for (const { seed, size, member } of members) {
      const bytes = Bun.gunzipSync(new Uint8Array(await member));
      expect(bytes.byteLength).toBe(size);
      expect(bytes.every((byte) => byte === seed)).toBe(true);
    }
  }
});

it("fails once it is disposed of, also what is being compressed", async () => {
  const ending = new GzipThreads(1);
  const running = ending.compress(new Uint8Array(1 << 20));
  ending[Symbol.dispose]();
  await expect(running).rejects.toThrow("the thread was ended");
  await expect(ending.compress(new Uint8Array(1))).rejects.toThrow("the thread was ended");
});
