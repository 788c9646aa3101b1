import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { digestOf } from "./digest.ts";
import { parseManifest } from "./manifest.ts";
import { MediaType } from "./media-types.ts";
import { RegistryError } from "./registry-error.ts";
import { JsonProblem, parseStrictJson } from "./strict-json.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Objects as lists of members, so that keys can occur twice. */
type Node =
  | { readonly members: readonly (readonly [string, Node])[] }
  | { readonly items: readonly Node[] }
  | { readonly leaf: unknown };

const key = fc.oneof(
  fc.constantFrom("a", "b", "layers", "__proto__", "é", '"', "\\"),
  fc.string({ maxLength: 5 }),
);
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .oneof(
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
      )
      .map((leaf) => ({ leaf })),
    fc.array(fc.tuple(key, tie("node")), { maxLength: 5 }).map((members) => ({ members })),
    fc.array(tie("node"), { maxLength: 5 }).map((items) => ({ items })),
  ),
}));

/** The text, each key spelt plainly or in escapes. */
function write(value: Node, escapes: boolean): string {
  if ("leaf" in value) return JSON.stringify(value.leaf);
  if ("items" in value) return `[ ${value.items.map((item) => write(item, escapes)).join(" ,\n")}]`;
  const members = value.members.map(([name, member], i) => {
    const spelt = escapes && i % 2 === 1 ? escaped(name) : JSON.stringify(name);
    return `${spelt} : ${write(member, escapes)}`;
  });
  return `{${members.join(",")} }`;
}

const escaped = (name: string) =>
  `"${Array.from({ length: name.length }, (_, i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, "0")}`).join("")}"`;

/** `JSON.stringify` writes integers from 1e21 on with an exponent. */
function integersInDigits(_: string, value: unknown): unknown {
  return Number.isInteger(value) && Math.abs(value as number) >= 1e21 ? Number.NaN : value;
}

function hasKeyTwice(value: Node): boolean {
  if ("leaf" in value) return false;
  if ("items" in value) return value.items.some(hasKeyTwice);
  const names = value.members.map(([name]) => name);
  return new Set(names).size < names.length || value.members.some(([, member]) => hasKeyTwice(member));
}

describe("strict JSON", () => {
  it("rejects duplicate keys, however they are escaped", () => {
    fc.assert(
      fc.property(node, fc.boolean(), (value, escapes) => {
        const text = write(value, escapes);
        // A lone surrogate cannot be written in UTF-8, and becomes another character.
        fc.pre(text.isWellFormed());
        if (hasKeyTwice(value)) expect(() => parseStrictJson(encode(text))).toThrow(JsonProblem);
        else expect(parseStrictJson(encode(text))).toEqual(JSON.parse(text, integersInDigits));
      }),
      { numRuns: 500 },
    );
  });

  it("ends in a value or a problem, whatever the bytes", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "a",
      '"a"',
      "1",
      "null",
      " ",
      "\\u0061",
      '\\"',
      "\0",
      "é",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.array(pieces, { maxLength: 60 }).map((parts) => encode(parts.join(""))),
        ),
        (bytes) => {
          let expected: unknown;
          try {
            expected = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
          } catch {
            expect(() => parseStrictJson(bytes)).toThrow(JsonProblem);
            return;
          }
          try {
            expect(parseStrictJson(bytes)).toEqual(expected);
          } catch (error) {
            if (!(error instanceof JsonProblem)) throw error;
            expect(error.message).toContain("twice");
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("is 64 levels deep at most", () => {
    const nested = (depth: number) => encode(`${'{"a":['.repeat(depth / 2)}${"]}".repeat(depth / 2)}`);
    expect(() => parseStrictJson(nested(64))).not.toThrow();
    expect(() => parseStrictJson(nested(66))).toThrow("deeper");
  });
});

describe("a manifest", () => {
  const text = fc.string({ minLength: 1, maxLength: 8 });
  const descriptor = fc
    .record({ mediaType: text.filter((type) => !/\p{Cc}/u.test(type)), content: text })
    .map(({ mediaType, content }) => ({
      mediaType,
      digest: digestOf(content),
      size: Buffer.byteLength(content),
    }));
  const image = fc.record(
    {
      schemaVersion: fc.constant(2),
      mediaType: fc.constant(MediaType.ociManifest),
      config: descriptor,
      layers: fc.array(descriptor, { maxLength: 4 }),
      subject: descriptor,
      annotations: fc.dictionary(text, text),
    },
    { requiredKeys: ["schemaVersion", "config"] },
  );

  it("names what its descriptors name, in their order", () => {
    fc.assert(
      fc.property(image, (value) => {
        const parsed = parseManifest(encode(JSON.stringify(value)), MediaType.ociManifest);
        const named = [value.config, ...(value.layers ?? [])];
        expect(parsed.references.map(({ digest, size }) => ({ digest, size }))).toEqual(
          named.map(({ digest, size }) => ({ digest, size })),
        );
        expect(parsed.subject).toBe(value.subject?.digest as never);
      }),
    );
  });

  it("is always refused with the same error, whatever is wrong with it", () => {
    const path = fc.array(
      fc.constantFrom("config", "layers", "0", "digest", "size", "mediaType", "subject", "annotations"),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(image, path, fc.json(), (value, keys, replacement) => {
        const changed = structuredClone(value) as Record<string, unknown>;
        let place: Record<string, unknown> = changed;
        for (const name of keys.slice(0, -1)) {
          const next = place[name];
          if (typeof next !== "object" || next === null) break;
          place = next as Record<string, unknown>;
        }
        place[keys.at(-1) as string] = JSON.parse(replacement);
        try {
          parseManifest(encode(JSON.stringify(changed)), undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
          expect((error as RegistryError).fault).toBe("manifest-invalid");
        }
      }),
      { numRuns: 500 },
    );
  });
});
