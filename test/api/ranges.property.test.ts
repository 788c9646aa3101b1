import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { type ModelContent, type ModelHeaders, modelAnswer } from "../support/range-model.ts";
import { rangeParts } from "../support/range-parts.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

/**
 * Sizes of empty content, of content kept in memory, and of content sent from a file, which the server handles
 * differently.
 */
const SIZES = [0, 7, 200, 70_000];
const REPOSITORY = "ranges/model";

interface Resource extends ModelContent {
  readonly path: string;
  readonly bytes: Buffer;
}

let server: RegistryServer;
let client: RegistryClient;
const resources: Resource[] = [];
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
  for (const size of SIZES) {
    const bytes = randomBytes(size);
    const { digest: tag } = await client.pushBlob(REPOSITORY, bytes);
    resources.push({ path: `/v2/${REPOSITORY}/blobs/${tag}`, bytes, size, tag, ranges: true });
  }
  const { digest: tag } = await client.pushImage(REPOSITORY, "latest");
  const path = `/v2/${REPOSITORY}/manifests/latest`;
  const bytes = Buffer.from(await (await client.call("GET", path)).arrayBuffer());
  resources.push({ path, bytes, size: bytes.byteLength, tag, ranges: false });
});
afterAll(() => server[Symbol.asyncDispose]());

const positions = fc.oneof(
  fc.nat(220).map(String),
  fc.constantFrom("", "0", "007", "69999", "70000", "70001", "99999999"),
  fc.constantFrom("9007199254740992", "9007199254740993", "9223372036854775807", "1".repeat(40)),
);
const spec = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(positions, positions).map(([first, last]) => `${first}-${last}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", " ", "-", "x", "1", "1-2-3", "--1", "1 -2", "1- 2", "+1-2", "0x1-2"),
  },
);
const range = fc
  .tuple(
    fc.constantFrom("bytes=", "bytes=", "bytes=", "BYTES=", "bytes", "lines=", "bytes =", "bytes= "),
    fc.array(fc.tuple(spec, fc.constantFrom(",", ", ", " ,\t", ",,")), { maxLength: 5 }),
    fc.boolean(),
  )
  .map(([unit, specs, trailing]) => {
    const set = specs.map(([each, separator]) => each + separator).join("");
    return unit + (trailing ? set : set.replace(/[, \t]+$/, ""));
  });
const tags = (tag: string) =>
  fc
    .array(
      fc.constantFrom(`"${tag}"`, `W/"${tag}"`, tag, "*", '"other"', 'W/"other"', "", '"', "Wed, 21 Oct"),
      {
        maxLength: 3,
      },
    )
    .map((each) => each.join(", "));

const request = fc.nat(SIZES.length).chain((index) => {
  // Read when the case is generated, which is after the content was pushed.
  const tag = resources[index]?.tag ?? "";
  return fc.record({
    index: fc.constant(index),
    method: fc.constantFrom("GET", "GET", "HEAD"),
    headers: fc.record(
      {
        range,
        "if-range": fc.constantFrom(
          `"${tag}"`,
          `W/"${tag}"`,
          tag,
          '"other"',
          "Wed, 21 Oct 2026 07:28:00 GMT",
        ),
        "if-match": tags(tag),
        "if-none-match": tags(tag),
        "if-modified-since": fc.constant("Wed, 21 Oct 2099 07:28:00 GMT"),
        "if-unmodified-since": fc.constant("Wed, 21 Oct 1999 07:28:00 GMT"),
      },
      { requiredKeys: [] },
    ),
  });
});

/** Sends the request and compares the whole answer with the RFC's. */
async function compare(method: "GET" | "HEAD", headers: ModelHeaders, resource: Resource): Promise<void> {
  const sent = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const expected = modelAnswer(method, headers, resource);
  const response = await client.call(method, resource.path, { headers: sent });
  const body = Buffer.from(await response.arrayBuffer());
  expect(response.status).toBe(expected.status);
  if (method === "HEAD") expect(body.byteLength).toBe(0);
  if (expected.status === 416) {
    expect(response.headers.get("content-range")).toBe(`bytes */${resource.size}`);
  } else if (expected.status === 206) {
    expect(rangeParts(response.headers, body)).toEqual(
      expected.ranges.map(([first, last]) => ({
        range: `bytes ${first}-${last}/${resource.size}`,
        bytes: resource.bytes.subarray(first, last + 1).toString("hex"),
      })),
    );
  } else {
    expect(response.headers.get("content-range")).toBeNull();
    if (expected.status !== 200) return;
    expect([String(resource.size), null]).toContain(response.headers.get("content-length"));
    if (method === "GET") expect(body.equals(resource.bytes)).toBe(true);
  }
}

describe("a read with ranges and conditions", () => {
  it("is answered as RFC 9110 says", async () => {
    await fc.assert(
      fc.asyncProperty(request, async ({ index, method, headers }) => {
        await compare(method as "GET" | "HEAD", headers, resources[index] as Resource);
      }),
      { numRuns: 1500 },
    );
  });

  it.each([
    ["bytes=0-9223372036854775807"],
    ["bytes=0-"],
    ["bytes=0-0,"],
    ["bytes=,0-0"],
    ["bytes= , 0-0 ,, 3-3 ,"],
    ["bytes=5-2"],
    ["bytes=70000-5"],
    ["bytes=5-2, 0-0"],
    ["bytes=9007199254740993-9007199254740992"],
    ["bytes=0-0,-1"],
    ["bytes=,"],
    ["bytes =0-0"],
    ["bytes\t=0-0"],
    ["bytes=0 -0"],
    ["bytes= 0-0"],
    ["bytes = -1"],
  ])("is answered so for %s, by HEAD as without a range", async (header) => {
    for (const resource of resources) {
      for (const method of ["GET", "HEAD"] as const) await compare(method, { range: header }, resource);
    }
  });
});
