import { expect, it } from "bun:test";
import { releasedChunks } from "./request-body.ts";

const TIMER = { pause: () => {}, resume: () => {} };

it("gives every chunk, and frees it once the next one is asked for", async () => {
  const given = [new Uint8Array([1, 2]), new Uint8Array([3])];
  const source = async function* () {
    yield* given;
  };
  const seen: number[] = [];
  const held: number[] = [];
  for await (const chunk of releasedChunks(source(), TIMER)) {
    seen.push(...chunk);
    held.push(given.filter(({ byteLength }) => byteLength > 0).length);
  }
  expect(seen).toEqual([1, 2, 3]);
  expect(held).toEqual([2, 1]);
  expect(given.map(({ byteLength }) => byteLength)).toEqual([0, 0]);
});

it("rethrows the source's own error", async () => {
  const failure = new Error("the client went away");
  const source = async function* () {
    yield new Uint8Array(1);
    throw failure;
  };
  await expect(Array.fromAsync(releasedChunks(source(), TIMER))).rejects.toBe(failure);
});

it("counts as silence only what passes while the client is waited for", async () => {
  const events: string[] = [];
  const timer = { pause: () => events.push("pause"), resume: () => events.push("resume") };
  const source = async function* () {
    events.push("asked");
    yield new Uint8Array(1);
    events.push("asked");
  };
  for await (const _ of releasedChunks(source(), timer)) events.push("consumed");
  expect(events).toEqual(["asked", "pause", "consumed", "resume", "asked", "pause"]);
});
