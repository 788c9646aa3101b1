import { expect, it } from "bun:test";
import { freeBytes } from "./free-bytes.ts";

it("frees bytes that have their own buffer, once", () => {
  const bytes = new Uint8Array(1000);
  freeBytes(bytes);
  freeBytes(bytes);
  expect(bytes.byteLength).toBe(0);
});

it("does not free a buffer that holds other bytes too", () => {
  const all = new Uint8Array(1000).fill(1);
  freeBytes(all.subarray(0, 10));
  expect(all.byteLength).toBe(1000);
});
