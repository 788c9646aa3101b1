import { readSync, writeSync } from "node:fs";
import { type FrameKind, frameOf } from "./frames.ts";
import { libc, SystemCallError } from "./libc.ts";

const POLL_IN = 1;
const POLL_OUT = 4;

/** Sends a frame to the server, on standard output; waits while it does not read. */
export function send(kind: FrameKind, content: Uint8Array | string = ""): void {
  writeFully(1, frameOf(kind, content));
}

/** Writes all bytes to a descriptor. */
function writeFully(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; ) {
    at += patiently(file, POLL_OUT, () => writeSync(file, bytes, at, bytes.byteLength - at));
  }
}

/** Exactly the next `size` bytes of standard input; throws if there are fewer. */
export function takeInput(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const count = patiently(0, POLL_IN, () => readSync(0, bytes, at, size - at, null));
    if (count === 0) throw new Error("the input ends early");
    at += count;
  }
  return bytes;
}

/** The JSON value at the begin of standard input, after its length in four bytes. */
export function takeOrder<Order>(): Order {
  return JSON.parse(takeInput(takeInput(4).readUInt32LE(0)).toString("utf8"));
}

/**
 * Runs a program's work. Its error becomes a frame `failed`, its end a frame `done`; the server then ends the program.
 */
export function reportResult(work: () => void): void {
  try {
    work();
    send("done");
  } catch (error) {
    send("failed", error instanceof Error ? error.message : String(error));
  }
}

/** Repeats a read or write of a descriptor that is not ready yet. */
function patiently(file: number, events: number, transfer: () => number): number {
  for (;;) {
    try {
      return transfer();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || error instanceof SystemCallError) throw error;
      libc.poll(new Int32Array([file, events]), 1, -1);
    }
  }
}
