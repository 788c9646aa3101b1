import { expect, it } from "bun:test";
import { BodyMemory } from "./body-memory.ts";
import { releasedChunks } from "./request-body.ts";

const TIMER = { pause: () => {}, resume: () => {} };
const share = () => new BodyMemory(1 << 20).open(10);

it("yields every chunk, and frees it once the next one is requested", async () => {
  const given = [new Uint8Array([1, 2]), new Uint8Array([3])];
  const source = async function* () {
    yield* given;
  };
  const seen: number[] = [];
  const held: number[] = [];
  for await (const chunk of releasedChunks(source, TIMER, share())) {
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
  await expect(Array.fromAsync(releasedChunks(source, TIMER, share()))).rejects.toBe(failure);
});

it("counts as silence only the time spent waiting for the client", async () => {
  const events: string[] = [];
  const timer = { pause: () => events.push("pause"), resume: () => events.push("resume") };
  const source = async function* () {
    events.push("asked");
    yield new Uint8Array(1);
    events.push("asked");
  };
  for await (const _ of releasedChunks(source, timer, share())) events.push("consumed");
  expect(events).toEqual(["resume", "asked", "pause", "consumed", "resume", "asked", "pause"]);
});

it("fails, and takes no memory, when a chunk arrives after the request was answered", async () => {
  const bodies = new BodyMemory(1 << 20);
  const share = bodies.open(1 << 19);
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
  const source = async function* () {
    isAsked();
    await arrived;
    yield new Uint8Array(1);
  };
  const events: string[] = [];
  const timer = { pause: () => events.push("pause"), resume: () => events.push("resume") };
  const next = releasedChunks(source, timer, share).next();
  await asked;
  share[Symbol.dispose]();
  arrive();
  await expect(next).rejects.toThrow("the request is over");
  expect(events).toEqual(["resume"]);
  // All memory is free for another body.
  using _other = bodies.open(1 << 20);
});
