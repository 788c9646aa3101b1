import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { describeWith } from "../../../test/support/requirements.ts";
import { ElfProbe } from "./elf-library.ts";

const LIBC = ["x86_64", "aarch64"]
  .map((processor) => `/lib/${processor}-linux-gnu/libc.so.6`)
  .find((path) => existsSync(path));

function probe(bytes: Uint8Array, size: number) {
  const elf = new ElfProbe();
  for (let at = 0; at < bytes.byteLength; at += size) elf.push(bytes.subarray(at, at + size));
  return elf.finish();
}

describeWith("a shared library", LIBC !== undefined, "no C library in its usual place", () => {
  it("tells its name, however its bytes come", async () => {
    const bytes = await Bun.file(LIBC ?? "").bytes();
    for (const size of [777, 65_536, bytes.byteLength]) {
      expect(probe(bytes, size)).toMatchObject({ bits: 64, soname: "libc.so.6" });
    }
  });

  it("that is cut short or damaged never breaks the probe", async () => {
    const bytes = (await Bun.file(LIBC ?? "").bytes()).slice(0, 20_000);
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(255), fc.nat(20_000), (at, value, length) => {
        const damaged = bytes.slice(0, length);
        damaged[at] = value;
        probe(damaged, 4096);
      }),
    );
  });
});

describe("a file that is not a shared library", () => {
  it("tells nothing", () => {
    expect(probe(Buffer.from("/* GNU ld script */"), 5)).toBeUndefined();
    expect(probe(new Uint8Array(), 5)).toBeUndefined();
  });
});
