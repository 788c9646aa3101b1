import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import fc from "fast-check";
import { digestOf } from "../../src/oci/digest.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { explanations, step, type UploadRequest, type UploadState } from "../support/upload-model.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

const bytes = fc.string({ unit: fc.constantFrom(..."abc"), maxLength: 6 });
const chunk = bytes.filter((text) => text !== "");
const offset = fc.option(fc.nat(12), { nil: undefined });

/** Requests as generated. Most use the right offset or digest, which is known only when they run. */
const drawn = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("append" as const), bytes: chunk, offset, right: fc.boolean() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("finish" as const), bytes, offset, right: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("status" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const) }) },
);
/** A sequence of requests. In about half of the sequences, the server restarts somewhere in between. */
const sequence = fc.array(drawn, { minLength: 1, maxLength: 12 }).chain((requests) =>
  fc.record({
    requests: fc.constant(requests),
    restartAt: fc.option(fc.nat(requests.length - 1), { nil: undefined, freq: 2 }),
  }),
);
type Drawn = typeof drawn extends fc.Arbitrary<infer Value> ? Value : never;

function settle(request: Drawn, state: UploadState): UploadRequest {
  if (request.kind === "status" || request.kind === "cancel") return request;
  const held = typeof state === "string" ? state : "";
  const place = request.right && request.offset !== undefined ? held.length : request.offset;
  // An empty chunk cannot have a range.
  const ranged = place === undefined || request.bytes === "" ? {} : { offset: place };
  if (request.kind === "append") return { kind: "append", bytes: request.bytes, ...ranged };
  const claims = request.right ? held + request.bytes : "something else";
  return { kind: "finish", bytes: request.bytes, claims, ...ranged };
}

async function send(location: string, request: UploadRequest) {
  const response = await respond(location, request);
  return { status: response.status, range: response.headers.get("range") };
}

function respond(location: string, request: UploadRequest): Promise<Response> {
  if (request.kind !== "append" && request.kind !== "finish") {
    return client.call(request.kind === "status" ? "GET" : "DELETE", location);
  }
  const { bytes: body, offset: start } = request;
  const headers: Record<string, string> =
    start === undefined ? {} : { "content-range": `${start}-${start + body.length - 1}` };
  if (request.kind === "append") return client.call("PATCH", location, { headers, body });
  return client.call("PUT", `${location}&digest=${digestOf(request.claims)}`, { headers, body });
}

/** Numbers the runs. Each uses a new repository, because an existing link decides whether a finish can be repeated. */
let runs = 0;
const newRepository = () => `model/run-${++runs}`;

describe("the upload state machine", () => {
  it("answers any sequence of requests as the specification says, restarts among them", async () => {
    await fc.assert(
      fc.asyncProperty(sequence, async ({ requests, restartAt }) => {
        const repository = newRepository();
        const location = await client.start(repository);
        let state: UploadState = "";
        for (const [i, each] of requests.entries()) {
          if (i === restartAt) await server.restart();
          const request = settle(each, state);
          const expected = step(state, request);
          expect(await send(location, request)).toEqual({
            status: expected.status,
            range: expected.range ?? null,
          });
          if (expected.blob !== undefined) {
            const blob = await client.call("GET", `/v2/${repository}/blobs/${expected.blob}`);
            expect(digestOf(await blob.bytes())).toBe(expected.blob);
          }
          state = expected.state;
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it("answers requests that come at the same time as if they had come in some order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom(..."abc"), maxLength: 6 }),
        fc.array(drawn, { minLength: 2, maxLength: 4 }),
        async (before, together) => {
          const location = await client.start(newRepository());
          if (before !== "") await client.call("PATCH", location, { body: before });
          const requests = together.map((each) => settle(each, before));
          const exchanges = await Promise.all(
            requests.map(async (request) => ({ request, ...(await send(location, request)) })),
          );
          const states = explanations(before, exchanges);
          expect({ exchanges, explained: states.length > 0 }).toMatchObject({ explained: true });
          const end = await send(location, { kind: "status" });
          const possible = states.map((state) => step(state, { kind: "status" }));
          expect(
            possible.some(({ status, range }) => status === end.status && (range ?? null) === end.range),
          ).toBe(true);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);
});
