import { describe, expect, it } from "bun:test";
import { DENIED, filterBytes, type Instruction, systemCallFilter } from "./system-call-filter.ts";

const ALLOW = 0x7fff0000;
const [EPERM, ENOSYS, EAFNOSUPPORT] = [0x50001, 0x50026, 0x50061];

/** A system call, as a filter sees it. */
interface Call {
  readonly audit: number;
  readonly number: number;
  readonly values?: readonly number[];
}

/** What the bytes of a filter decide. */
function decide(bytes: Buffer, { audit, number, values = [] }: Call): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(audit, 4);
  for (const [index, value] of values.entries()) data.writeUInt32LE(value, 16 + 8 * index);
  let loaded = 0;
  for (let at = 0; at < bytes.byteLength / 8; at += 1) {
    const constant = bytes.readUInt32LE(at * 8 + 4);
    const skip = (holds: boolean) => bytes.readUInt8(at * 8 + (holds ? 2 : 3));
    const code = bytes.readUInt16LE(at * 8);
    if (code === 0x06) return constant;
    if (code === 0x20) loaded = data.readUInt32LE(constant);
    else if (code === 0x15) at += skip(loaded === constant);
    else if (code === 0x35) at += skip(loaded >= constant);
    else if (code === 0x45) at += skip((loaded & constant) !== 0);
    else throw new Error(`unknown code ${code}`);
  }
  throw new Error("the filter has no end");
}

describe.each([
  ["x64", 0, 0xc000003e, { clone: 56, socket: 41, ioctl: 16, openat: 257, execve: 59 }],
  ["arm64", 1, 0xc00000b7, { clone: 220, socket: 198, ioctl: 29, openat: 56, execve: 221 }],
] as const)("the filter for %s", (architecture, index, audit, numbers) => {
  const filter: readonly Instruction[] = systemCallFilter(architecture);
  const bytes = filterBytes(filter);
  const decision = (number: number, ...values: number[]) => decide(bytes, { audit, number, values });

  it("denies each call of the table", () => {
    const denied = Object.values(DENIED).flatMap((row) => row[index] ?? []);
    expect(denied.length).toBeGreaterThan(50);
    for (const number of denied) expect(decision(number)).toBe(EPERM);
  });

  it("allows what programs need", () => {
    for (const number of [numbers.openat, numbers.execve]) expect(decision(number)).toBe(ALLOW);
  });

  it("does not know clone3, and the calls of other processors", () => {
    expect(decision(435)).toBe(ENOSYS);
    expect(decision(0x40000000 + numbers.openat)).toBe(ENOSYS);
    expect(decide(bytes, { audit: 0x40000003, number: numbers.openat })).toBe(ENOSYS);
  });

  it("lets processes be made, but no namespaces", () => {
    expect(decision(numbers.clone, 0x01200011)).toBe(ALLOW);
    for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(decision(numbers.clone, flag | 17)).toBe(EPERM);
    }
  });

  it("has four families of sockets", () => {
    for (const family of [1, 2, 10, 16]) expect(decision(numbers.socket, family, 1)).toBe(ALLOW);
    for (const family of [0, 3, 17, 38, 40]) expect(decision(numbers.socket, family, 1)).toBe(EAFNOSUPPORT);
  });

  it("does not type into terminals", () => {
    expect(decision(numbers.ioctl, 0, 0x5401)).toBe(ALLOW);
    for (const request of [0x5412, 0x541c]) expect(decision(numbers.ioctl, 0, request)).toBe(EPERM);
  });

  it("is short enough for the kernel", () => {
    expect(bytes.byteLength / 8).toBe(filter.length);
    expect(filter.length).toBeLessThan(4096);
  });
});
