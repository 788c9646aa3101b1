import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRanges } from "./byte-ranges.ts";
import { isNotModified } from "./entity-tags.ts";
import { parseContentRange } from "./v2/content-range.ts";
import { nextPageLink, parsePageQuery } from "./v2/pagination.ts";
import { parseRoute, ROUTE_PATHS, type RouteKind } from "./v2/route.ts";

/** The result of `work`, or the fault that it throws. Any other error fails the test. */
function outcome<Result>(work: () => Result): Result | string {
  try {
    return work();
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    return (error as RegistryError).fault;
  }
}

const pieces = (...texts: readonly string[]) =>
  fc.array(fc.constantFrom(...texts), { maxLength: 12 }).map((parts) => parts.join(""));

describe("a route", () => {
  const segment = fc.constantFrom(
    "a",
    "manifests",
    "blobs",
    "uploads",
    "tags",
    "list",
    "referrers",
    "_catalog",
    "",
    "..",
    "sha256:ab",
  );

  it("put together again is the path it was read from", () => {
    fc.assert(
      fc.property(fc.array(segment, { maxLength: 8 }), (segments) => {
        const path = `/v2/${segments.join("/")}`;
        const route = parseRoute(path);
        switch (route?.kind) {
          case undefined:
            return;
          case "base":
            return expect(path).toBe("/v2/");
          case "catalog":
            return expect(path).toBe("/v2/_catalog");
          case "tags":
            return expect(path).toBe(`/v2/${route.name}/tags/list`);
          case "manifest":
            return expect(path).toBe(`/v2/${route.name}/manifests/${route.reference}`);
          case "blob":
            return expect(path).toBe(`/v2/${route.name}/blobs/${route.digest}`);
          case "uploads":
            return expect([`/v2/${route.name}/blobs/uploads`, `/v2/${route.name}/blobs/uploads/`]).toContain(
              path,
            );
          case "upload":
            return expect(path).toBe(`/v2/${route.name}/blobs/uploads/${route.id}`);
          case "referrers":
            return expect(path).toBe(`/v2/${route.name}/referrers/${route.digest}`);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("is found at the path that documentation gives for it", () => {
    for (const [kind, path] of Object.entries(ROUTE_PATHS))
      expect(parseRoute(path)?.kind).toBe(kind as RouteKind);
  });

  // The table from Distribution's own tests: names can contain words of the API.
  it.each([
    ["/v2/", { kind: "base" }],
    ["/v2/foo/manifests/bar", { kind: "manifest", name: "foo", reference: "bar" }],
    ["/v2/foo/bar/manifests/tag", { kind: "manifest", name: "foo/bar", reference: "tag" }],
    ["/v2/docker.com/foo/bar/baz/tags/list", { kind: "tags", name: "docker.com/foo/bar/baz" }],
    ["/v2/foo/bar/blobs/uploads/", { kind: "uploads", name: "foo/bar" }],
    ["/v2/foo/bar/blobs/uploads/uuid", { kind: "upload", name: "foo/bar", id: "uuid" }],
    [
      "/v2/foo/bar/manifests/manifests/tags",
      { kind: "manifest", name: "foo/bar/manifests", reference: "tags" },
    ],
    ["/v2/foo/bar/manifests/tags/list", { kind: "tags", name: "foo/bar/manifests" }],
    ["/v2/foo/blobs/uploads/blobs/uploads/id", { kind: "upload", name: "foo/blobs/uploads", id: "id" }],
  ])("%s", (path, route) => {
    expect(parseRoute(path)).toEqual(route as never);
  });
});

describe("ranges", () => {
  it("lie within the content, in the requested order, and are no longer in total than the content", () => {
    const header = pieces("bytes=", "0", "1", "5", "99", "-", ",", " ", "999999999999999", "x").map(
      (text) => `bytes=${text}`,
    );
    fc.assert(
      fc.property(header, fc.nat(200), (text, size) => {
        const ranges = outcome(() => parseRanges(text, size));
        if (typeof ranges === "string") return expect(ranges).toBe("range-not-satisfiable");
        let total = 0;
        for (const { start, end } of ranges ?? []) {
          expect(0 <= start && start < end && end <= size).toBe(true);
          total += end - start;
        }
        expect(total).toBeLessThanOrEqual(size);
      }),
      { numRuns: 2000 },
    );
  });

  it("are what they say: from first to last, to the end, or the last so many", () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(100), fc.integer({ min: 1, max: 100 }), (first, length, size) => {
        const all = Array.from({ length: size }, (_, i) => i);
        const read = (header: string) => {
          const ranges = outcome(() => parseRanges(header, size));
          if (typeof ranges === "string") return undefined;
          return ranges?.flatMap(({ start, end }) => all.slice(start, end));
        };
        const expected = (bytes: readonly number[]) => (bytes.length === 0 ? undefined : bytes);
        expect(read(`bytes=${first}-${first + length}`)).toEqual(
          expected(all.slice(first, first + length + 1)) as never,
        );
        expect(read(`bytes=${first}-`)).toEqual(expected(all.slice(first)) as never);
        expect(read(`bytes=-${length}`)).toEqual(expected(length === 0 ? [] : all.slice(-length)) as never);
      }),
    );
  });

  it("of other units are ignored", () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (text, size) => {
        fc.pre(!/^bytes=/i.test(text));
        expect(parseRanges(text, size)).toBeUndefined();
      }),
    );
  });
});

describe("Content-Range", () => {
  it("is a start and a length, or the client's fault", () => {
    fc.assert(
      fc.property(
        pieces("bytes ", "bytes=", "0", "7", "12", "-", "/", "*", " ", "99999999999999999", "x"),
        (text) => {
          const claim = outcome(() => parseContentRange(text));
          if (typeof claim === "string") return expect(claim).toBe("range-invalid");
          expect(
            Number.isSafeInteger(claim.start) && Number.isSafeInteger(claim.length) && claim.length > 0,
          ).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("means the same in the specification's form and in HTTP's", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1000), (start, more) => {
        const claim = { start, length: more + 1 };
        for (const text of [
          `${start}-${start + more}`,
          `bytes ${start}-${start + more}/*`,
          `bytes ${start}-${start + more}/9999999999`,
        ]) {
          expect(parseContentRange(text)).toEqual(claim);
        }
      }),
    );
  });
});

describe("a page query", () => {
  it("is a whole number and a text, or the client's fault", () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ unit: "binary" }), (n, last) => {
        const query = outcome(() => parsePageQuery(new URLSearchParams({ n, last })));
        if (typeof query === "string")
          return expect(["page-size-invalid", "request-invalid"]).toContain(query);
        expect(query.size === undefined || (Number.isSafeInteger(query.size) && query.size >= 0)).toBe(true);
        expect(query.after?.includes("\0") ?? false).toBe(false);
      }),
    );
  });

  it("of a Link leads to the entry after the last one", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(999_999_999), (last, n) => {
        fc.pre(!last.includes("\0"));
        const link = nextPageLink("/v2/_catalog", { last, n: String(n) });
        const query = /^<\/v2\/_catalog\?([^>]*)>; rel="next"$/.exec(link)?.[1];
        expect(parsePageQuery(new URLSearchParams(query))).toEqual({ size: n, after: last });
      }),
    );
  });
});

describe("If-None-Match", () => {
  it("matches the tag in any list, strong or weak", () => {
    const other = fc.string({ unit: fc.constantFrom(..."abc:0123"), maxLength: 9 });
    fc.assert(
      fc.property(fc.array(other), fc.array(other), fc.constantFrom('"x"', 'W/"x"'), (before, after, tag) => {
        const quoted = (texts: readonly string[]) => texts.map((text) => `"${text}"`);
        const header = [...quoted(before), tag, ...quoted(after)].join(" , ");
        expect(isNotModified(new Headers({ "if-none-match": header }), "x")).toBe(true);
        const others = [...quoted(before), ...quoted(after)].join(",");
        expect(isNotModified(new Headers({ "if-none-match": others }), "x")).toBe(false);
      }),
    );
  });
});
