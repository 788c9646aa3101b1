import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { planParts } from "../../../test/support/plan-parts.ts";
import { digestOf } from "../../oci/digest.ts";
import {
  countReferences,
  NO_POPULARITY,
  PopularityError,
  parsePopularity,
  popularityName,
} from "./popularity.ts";

const counts = fc.dictionary(fc.string(), fc.nat(Number.MAX_SAFE_INTEGER), { noNullPrototype: true });

function part(id: string, ...references: readonly string[]) {
  return { id, bucket: id, sizeBytes: 1, base: false, references };
}

describe("popularity data", () => {
  it("is a JSON object of names and numbers", () => {
    const { counts } = parsePopularity('{"glibc-2.39-52": 300000, "__proto__": 7, "1": 0}');
    expect([...counts]).toEqual([
      ["1", 0],
      ["glibc-2.39-52", 300000],
      ["__proto__", 7],
    ]);
  });

  it("has the same digest in any order and spelling, and another one when a number changes", () => {
    fc.assert(
      fc.property(counts, fc.string(), (drawn, name) => {
        const text = JSON.stringify(drawn);
        const reversed = JSON.stringify(Object.fromEntries(Object.entries(drawn).toReversed()), undefined, 2);
        const { digest } = parsePopularity(text);
        expect(parsePopularity(reversed).digest).toBe(digest);
        const changed = {
          ...drawn,
          [name]: ((Object.hasOwn(drawn, name) ? drawn[name] : 0) ?? 0) === 5 ? 6 : 5,
        };
        if (name !== "__proto__") expect(parsePopularity(JSON.stringify(changed)).digest).not.toBe(digest);
      }),
    );
    expect(parsePopularity('{ "b": 1e1, "a": 2 }').digest).toBe(digestOf('{"a":2,"b":10}'));
    expect(parsePopularity("{}").digest).toBe(NO_POPULARITY.digest);
  });

  it.each([
    ["", "not JSON"],
    ["{", "not JSON"],
    ["<html>404</html>", "not JSON"],
    ["[1]", "not a JSON object"],
    ["null", "not a JSON object"],
    ['"text"', "not a JSON object"],
    ['{"a": "5"}', 'no whole number (0 or more) for "a"'],
    ['{"a": 1, "b": -1}', 'no whole number (0 or more) for "b"'],
    ['{"a": 1.5}', 'no whole number (0 or more) for "a"'],
    ['{"a": 1e300}', 'no whole number (0 or more) for "a"'],
    ['{"a": null}', 'no whole number (0 or more) for "a"'],
    ['{"a": {"b": 1}}', 'no whole number (0 or more) for "a"'],
  ])("is refused with a reason: %p", (text, reason) => {
    expect(() => parsePopularity(text)).toThrow(PopularityError);
    expect(() => parsePopularity(text)).toThrow(reason);
  });

  it("is refused when it is too large", () => {
    const limits = { bytes: 20, entries: 2 };
    expect(parsePopularity('{"a":1,"b":1}', limits).counts.size).toBe(2);
    expect(() => parsePopularity('{"a":1,"b":1,"c":1}', limits)).toThrow("more than 2 names");
    expect(() => parsePopularity('{"ääääääää":1}', limits)).toThrow("more than 20 bytes");
  });

  it("names a package without its store folder and hash", () => {
    expect(popularityName("/nix/store/0gv2gik87jqbk5y2fqk9hka1c84ks15b-libjq1-1.6-2.1+deb12u2")).toBe(
      "libjq1-1.6-2.1+deb12u2",
    );
    expect(popularityName("curl")).toBe("curl");
  });
});

describe("the popularity of a set", () => {
  it("is how many other parts refer to each", () => {
    const parts = [part("a", "b", "c", "b", "a"), part("b", "c"), part("c", "absent"), part("d")];
    expect([...countReferences(parts).counts]).toEqual([
      ["b", 1],
      ["c", 2],
    ]);
  });

  it("adds up over parts of one name", () => {
    const [one, other] = ["1".repeat(32), "2".repeat(32)].map((hash) => `/nix/store/${hash}-zlib-1.3`);
    const parts = [
      part("a", one as string),
      part("b", other as string),
      part(one as string),
      part(other as string),
    ];
    expect([...countReferences(parts).counts]).toEqual([["zlib-1.3", 2]]);
  });

  it("does not depend on the order of the parts, and survives being written to a file", () => {
    fc.assert(
      fc.property(planParts, (parts) => {
        const popularity = countReferences(parts);
        expect(countReferences(parts.toReversed()).digest).toBe(popularity.digest);
        const file = JSON.stringify(Object.fromEntries(popularity.counts));
        expect(parsePopularity(file).digest).toBe(popularity.digest);
      }),
    );
  });
});
