import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { type EntityTag, parseEntityTags } from "./entity-tags.ts";

const strong = (opaque: string): EntityTag => ({ weak: false, opaque });
const weak = (opaque: string): EntityTag => ({ weak: true, opaque });

describe("entity tags", () => {
  it.each<[string, readonly EntityTag[]]>([
    ['"a"', [strong("a")]],
    ['W/"a"', [weak("a")]],
    ['""', [strong("")]],
    ['"a","b"', [strong("a"), strong("b")]],
    [' "a" ,\tW/"b" ', [strong("a"), weak("b")]],
    ['"a,b", "*"', [strong("a,b"), strong("*")]],
    [',"a",, ,"b",', [strong("a"), strong("b")]],
    ['"back\\slash"', [strong("back\\slash")]],
    ['"\xe9"', [strong("\xe9")]],
    ["", []],
    [" , ", []],
  ])("are read from %j", (header, expected) => {
    expect(parseEntityTags(header)).toEqual(expected);
  });

  it.each(["*", " * "])("are whatever is there for %j", (header) => {
    expect(parseEntityTags(header)).toBe("*");
  });

  it.each([
    "a",
    "sha256:abc",
    '"a',
    'a"',
    "'a'",
    'w/"a"',
    'W/ "a"',
    'W/a"',
    '"a" "b"',
    '"a";"b"',
    '*, "a"',
    '"a", *',
    "**",
    '"a b"',
    '"a"b"',
    '"\x7f"',
    '"\u2603"',
  ])("are not read from %j", (header) => {
    expect(parseEntityTags(header)).toBeUndefined();
  });

  it("are those that were written, however they were separated", () => {
    const opaque = fc
      .array(fc.constantFrom("a", ",", "*", "W", "/", "!", ":", "\xff"), { maxLength: 6 })
      .map((parts) => parts.join(""));
    const tag = fc.record({ weak: fc.boolean(), opaque });
    const gap = fc.constantFrom(",", " , ", ",,", "\t,\t ,");
    fc.assert(
      fc.property(fc.array(fc.tuple(tag, gap), { maxLength: 8 }), (written) => {
        const header = written
          .map(([each, separator]) => `${each.weak ? "W/" : ""}"${each.opaque}"${separator}`)
          .join("");
        expect(parseEntityTags(header)).toEqual(written.map(([each]) => each));
      }),
    );
  });

  // So long that a parser with quadratic time would take many minutes.
  it("are refused in one pass, however long they are", () => {
    for (const filler of [" ", ",", '"', '"",', "W/"]) {
      expect(parseEntityTags(`${filler.repeat(1_000_000)}x`)).toBeUndefined();
      expect(parseEntityTags(`"a",${filler.repeat(1_000_000)}x`)).toBeUndefined();
    }
  });
});
