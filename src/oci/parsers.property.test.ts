import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { digestOf, isDigest, parseDigest } from "./digest.ts";
import { isDigestReference, isTag, parseReference, parseReferenceToRead, parseTag } from "./reference.ts";
import { RegistryError } from "./registry-error.ts";
import { isRepositoryName, parseRepositoryName } from "./repository-name.ts";

/** Text close to what a parser accepts: its alphabet, with some other characters. */
const nearby = (alphabet: string) =>
  fc.string({
    unit: fc.constantFrom(...alphabet, "/", ":", ".", "%", "\0", "\n", " ", "é", "\u{1F600}"),
    maxLength: 300,
  });

const anyText = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), nearby("abzAZ019_-.@=+"));

function faultOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return (error as RegistryError).fault;
  }
}

describe("a digest", () => {
  const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });

  it("has exactly the length and case that its algorithm produces", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom("sha256", "sha512", "blake3"), (bytes, algorithm) => {
        const digest = digestOf(bytes, algorithm);
        expect(parseDigest(digest)).toBe(digest);
        for (const other of [
          digest.slice(0, -1),
          `${digest}0`,
          digest.toUpperCase(),
          ` ${digest}`,
          `${digest}\n`,
        ]) {
          expect(isDigest(other)).toBe(false);
          expect(faultOf(() => parseDigest(other))).toMatch(/^digest-(invalid|unsupported)$/);
        }
      }),
    );
  });

  it("is accepted by both of its parsers, or by neither", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          hex.map((text) => `sha256:${text}`),
        ),
        (text) => {
          expect(faultOf(() => parseDigest(text)) === undefined).toBe(isDigest(text));
        },
      ),
    );
  });
});

describe("a repository name", () => {
  const component = fc
    .tuple(
      fc.string({ unit: fc.constantFrom(..."abz019"), minLength: 1, maxLength: 8 }),
      fc.array(
        fc.tuple(
          fc.constantFrom(".", "_", "__", "-", "--", "-----"),
          fc.string({ unit: fc.constantFrom(..."abz019"), minLength: 1, maxLength: 8 }),
        ),
        { maxLength: 3 },
      ),
    )
    .map(([first, rest]) => first + rest.flat().join(""));

  it("consists of the grammar's components, with at most 255 characters", () => {
    fc.assert(
      fc.property(fc.array(component, { minLength: 1, maxLength: 12 }), (components) => {
        const name = components.join("/");
        expect(isRepositoryName(name)).toBe(name.length <= 255);
      }),
    );
  });

  it("never leaves its place in a path, whatever the name", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const fault = faultOf(() => parseRepositoryName(text));
        expect(fault === undefined).toBe(isRepositoryName(text));
        if (fault !== undefined) return;
        expect(text).toMatch(/^[a-z0-9._/-]{1,255}$/);
        for (const part of text.split("/")) expect(part).toMatch(/^[a-z0-9].*[a-z0-9]$|^[a-z0-9]$/);
      }),
      { numRuns: 1000 },
    );
  });

  // With a pattern that tries all ways to divide the text, this would never end.
  it("is refused without backtracking", () => {
    for (const text of [
      "a".repeat(255),
      "a-".repeat(127),
      "a_".repeat(127),
      `${"a/".repeat(126)}-`,
      "-".repeat(255),
    ]) {
      expect(isRepositoryName(`${text.slice(0, 254)}!`)).toBe(false);
    }
  });
});

describe("a reference", () => {
  it("is a digest if it contains a colon, otherwise a tag", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, nearby("v1.0-rc")), (text) => {
        const fault = faultOf(() => parseReference(text));
        if (text.includes(":")) expect(fault === undefined).toBe(isDigest(text));
        else {
          expect(fault).toBe(isTag(text) ? undefined : "tag-invalid");
          expect(faultOf(() => parseTag(text))).toBe(fault);
        }
        if (fault === undefined) expect(isDigestReference(parseReference(text))).toBe(text.includes(":"));
      }),
      { numRuns: 1000 },
    );
  });

  it("means the same to a reader, except that an invalid tag is absent", () => {
    fc.assert(
      fc.property(fc.oneof(anyText, nearby("v1.0-rc")), (text) => {
        const fault = faultOf(() => parseReference(text));
        const toReader = faultOf(() => parseReferenceToRead(text));
        expect(toReader).toBe(fault === "tag-invalid" ? "manifest-unknown" : fault);
        if (toReader === undefined) expect(parseReferenceToRead(text)).toBe(parseReference(text));
      }),
      { numRuns: 1000 },
    );
  });
});
