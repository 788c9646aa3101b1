import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { PackageNames } from "./package-names.ts";

describe("a compact set of names", () => {
  it("holds the names that a set of strings holds", async () => {
    const name = fc.string({ unit: fc.constantFrom("a", "b", ".", "+", "-", "ü"), maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.array(name), fc.array(name), fc.boolean(), async (held, asked, endsLine) => {
        const names = await PackageNames.parse(held.join("\n") + (endsLine ? "\n" : ""));
        const expected = new Set(held);
        for (const one of [...held, ...asked]) {
          expect([one, names.has(one)]).toEqual([one, one !== "" && expected.has(one)]);
        }
      }),
    );
  });

  it("does not take a part of a name, or a line, for a name", async () => {
    const names = await PackageNames.parse("curl\ngit\n");
    for (const other of ["cur", "url", "curlg", "curl\ngit", "git\n", "\n", "", "\0"])
      expect(names.has(other)).toBe(false);
    expect((await PackageNames.parse("")).has("")).toBe(false);
  });

  it("holds as many names as a distribution has", async () => {
    const all = Array.from({ length: 120_000 }, (_, i) => `lib${(i * 2_654_435_761) % 2 ** 32}-package-${i}`);
    const names = await PackageNames.parse(all.join("\n"));
    expect(all.every((one) => names.has(one))).toBe(true);
    expect(all.some((one) => names.has(`${one}0`))).toBe(false);
  });
});
