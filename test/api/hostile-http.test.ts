import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { Writable } from "node:stream";
import pino from "pino";
import { digestOf } from "../../src/oci/digest.ts";
import { openConnection, sendRaw } from "../support/raw-http.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

const HOST = "Host: registry\r\n";
const digest = `sha256:${"0".repeat(64)}`;
const logged: string[] = [];
const log = pino(
  { level: "warn" },
  new Writable({
    write(line, _encoding, done) {
      logged.push(String(line));
      done();
    },
  }),
);

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ log });
  client = new RegistryClient(server);
  await client.pushImage("lib/demo", "latest");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  expect(logged).toEqual([]);
});

describe("a path", () => {
  it.each([
    ["/v2/../../../etc/passwd", 404],
    ["/v2/a/%2e%2e/%2e%2e/tags/list", 404],
    ["/v2/%2e%2e%2f%2e%2e%2fetc/tags/list", 400],
    ["/v2/lib/..%2f..%2fsecret/tags/list", 400],
    ["/v2/lib%2Fdemo/tags/list", 200],
    ["/v2/lib%252Fdemo/tags/list", 400],
    ["/v2/lib%5cdemo/tags/list", 400],
    ["/v2//tags/list", 400],
    ["/v2/a//b/tags/list", 400],
    ["/v2/a%00b/tags/list", 400],
    ["/v2/a%0d%0aX-Evil:%201/tags/list", 400],
    ["/v2/%C3%A9/tags/list", 400],
    ["/v2/%ff/tags/list", 400],
    ["/v2/%/tags/list", 400],
    ["/v2/UPPER/tags/list", 400],
    ["/v2/localhost:5000/x/tags/list", 400],
    ["/v2/_uploads/tags/list", 400],
    ["/v2/a__b/c---d/e.f/tags/list", 404],
    ["/v2/a..b/tags/list", 400],
    ["/v2/a-/tags/list", 400],
    [`/v2/${"a".repeat(64)}/tags/list`, 404],
    [`/v2/${"a".repeat(255)}/tags/list`, 404],
    [`/v2/${"a".repeat(256)}/tags/list`, 400],
    [`/v2/${"a/".repeat(5000)}a/tags/list`, 400],
    ["/v2/lib/demo/tags/other", 404],
    ["/v2/lib/demo/manifests/", 404],
    ["/v2/lib/demo/blobs/", 400],
    ["/v2/lib/demo", 404],
    ["/", 404],
    ["/metrics", 404],
  ])("%s is answered %d, with one JSON error unless it is fine", async (path, status) => {
    const { statuses, text } = await sendRaw(server.url, [`GET ${path} HTTP/1.1\r\n${HOST}\r\n`]);
    expect(statuses).toEqual([status]);
    if (status === 200) return;
    const { errors } = JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)) as { errors: object[] };
    expect(errors).toHaveLength(1);
    expect(text).not.toContain(server.data);
  });
});

describe("a request", () => {
  it.each([
    ["without a host", "GET /v2/ HTTP/1.1\r\n\r\n", 400],
    ["of HTTP/1.0 without a host", "GET /v2/ HTTP/1.0\r\n\r\n", 200],
    ["with an absolute target", `GET http://elsewhere/v2/ HTTP/1.1\r\n${HOST}\r\n`, 200],
    ["of rubbish", "\0\x01\x02\r\n\r\n", 400],
    ["with a NUL in its target", `GET /v2/a\0b/tags/list HTTP/1.1\r\n${HOST}\r\n`, 505],
    ["with a header of 100 KB", `GET /v2/ HTTP/1.1\r\n${HOST}X: ${"a".repeat(100_000)}\r\n\r\n`, 431],
    ["with 1,000 headers", `GET /v2/ HTTP/1.1\r\n${HOST}${"X: a\r\n".repeat(1000)}\r\n`, 431],
    [
      "with two lengths",
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      400,
    ],
    [
      "with a length and chunks",
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    [
      "with a negative length",
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`,
      400,
    ],
    [
      "with a length beyond 2^64",
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999\r\n\r\n`,
      400,
    ],
    ["of an unknown method on a known route", `PATCH /v2/ HTTP/1.1\r\n${HOST}\r\n`, 405],
  ])("%s", async (_, request, status) => {
    const { statuses } = await sendRaw(server.url, [request]);
    expect(statuses).toEqual([status]);
  });

  it.each([
    ["a size that is no number", "ZZ\r\nabc\r\n0\r\n\r\n"],
    ["a size beyond 2^64", "FFFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n"],
    ["a negative size", "-1\r\nabc\r\n0\r\n\r\n"],
    ["an extension of 50 KB", `1;${"a".repeat(50_000)}\r\nx\r\n0\r\n\r\n`],
    ["data longer than its size", "1\r\nabc\r\n0\r\n\r\n"],
  ])("whose chunks have %s is cut off, and what came before can be resumed", async (_, chunks) => {
    const location = await client.start("chunk/abuse");
    const head = `PATCH ${location} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`;
    const { statuses, closed } = await sendRaw(server.url, [head, chunks]);
    expect(closed).toBe(true);
    expect(statuses.every((status) => status >= 400 && status < 500)).toBe(true);
    const status = await client.call("GET", location);
    expect(status.status).toBe(204);
    const size =
      status.headers.get("range") === "0-2" ? 3 : Number(status.headers.get("range")?.slice(2)) + 1;
    const headers = { "content-range": `${size}-${size + 2}` };
    expect([202, 416]).toContain((await client.call("PATCH", location, { headers, body: "def" })).status);
  });

  it("refused before its body was read leaves the connection in step", async () => {
    const body = Buffer.alloc(500_000, "GET /v2/ HTTP/1.1\r\n\r\n");
    const { statuses } = await sendRaw(
      server.url,
      [
        `PATCH /v2/a/blobs/uploads/none HTTP/1.1\r\n${HOST}Content-Length: ${body.length}\r\n\r\n`,
        body,
        `GET /v2/_catalog HTTP/1.1\r\n${HOST}\r\n`,
      ],
      { responses: 2 },
    );
    expect(statuses).toEqual([404, 200]);
  });

  it("that asks before it sends is answered 100 Continue", async () => {
    const location = await client.start("expect");
    const head = `PATCH ${location} HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    const { text, statuses } = await sendRaw(server.url, [head, "abc"]);
    expect(text).toStartWith("HTTP/1.1 100");
    expect(statuses).toEqual([202]);
  });
});

describe("a client that goes away", () => {
  it("in the middle of an upload leaves what arrived, and can go on", async () => {
    const content = randomBytes(1_000_000);
    const location = await client.start("gone/upload");
    for (const [start, end] of [
      [0, 400_000],
      [400_000, 700_000],
    ] as const) {
      const socket = await openConnection(server.url);
      const head = `PATCH ${location} HTTP/1.1\r\n${HOST}Content-Range: ${start}-999999\r\nContent-Length: ${1_000_000 - start}\r\n\r\n`;
      socket.write(head);
      socket.write(content.subarray(start, end));
      await Bun.sleep(100);
      socket.destroy();
      const status = await client.call("GET", location);
      expect(status.headers.get("range")).toBe(`0-${end - 1}`);
    }
    const headers = { "content-range": "700000-999999" };
    await client.call("PATCH", location, { headers, body: content.subarray(700_000) });
    expect((await client.call("PUT", `${location}?digest=${digestOf(content)}`)).status).toBe(201);
  });

  it("in the middle of a manifest, a single POST or a download does no harm", async () => {
    const { digest: blob } = await client.pushBlob("gone/blob", randomBytes(5_000_000));
    for (const request of [
      `PUT /v2/gone/manifests/latest HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\n{"schema`,
      `POST /v2/gone/blobs/uploads/?digest=${digest} HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nabc`,
      `GET /v2/gone/blob/blobs/${blob} HTTP/1.1\r\n${HOST}\r\n`,
      `GET /v2/gone/blob/blobs/${blob} HTTP/1.1\r\n${HOST}Range: bytes=0-2000000,3000000-\r\n\r\n`,
    ]) {
      const socket = await openConnection(server.url);
      socket.write(request);
      await Bun.sleep(50);
      socket.destroy();
    }
    await Bun.sleep(50);
    expect((await client.call("GET", "/v2/")).status).toBe(200);
  });
});

describe("requests to one upload at the same time", () => {
  it("that claim one offset: one wins, the others are told where it stands", async () => {
    const location = await client.start("race");
    const bodies = Array.from({ length: 8 }, (_, i) => Buffer.alloc(50_000, i));
    const answers = await Promise.all(
      bodies.map((body) => client.call("PATCH", location, { headers: { "content-range": "0-49999" }, body })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, ...Array(7).fill(416)]);
    const winner = bodies[answers.findIndex(({ status }) => status === 202)] as Buffer;
    expect((await client.call("PUT", `${location}?digest=${digestOf(winner)}`)).status).toBe(201);
  });

  it("that end it: one wins, the others find it gone", async () => {
    const location = await client.start("race/end");
    await client.call("PATCH", location, { body: "content" });
    const end = `${location}?digest=${digestOf("content")}`;
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.call("PUT", end)));
    const statuses = answers.map(({ status }) => status).toSorted();
    expect(statuses[0]).toBe(201);
    expect(statuses.every((status) => status === 201 || status === 404)).toBe(true);
    expect(await (await client.call("GET", `/v2/race/end/blobs/${digestOf("content")}`)).text()).toBe(
      "content",
    );
  });

  it("that cancel it while it is written to leave nothing", async () => {
    const location = await client.start("race/cancel");
    const body = Buffer.alloc(2_000_000);
    const [patched, cancelled] = await Promise.all([
      client.call("PATCH", location, { body }),
      client.call("DELETE", location),
    ]);
    expect([202, 404]).toContain(patched.status);
    expect(cancelled.status).toBe(204);
    expect(await errorCodes(await client.call("GET", location))).toEqual(["BLOB_UPLOAD_UNKNOWN"]);
  });
});
