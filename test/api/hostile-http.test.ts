import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { sendRaw } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import type { RegistryServer } from "../support/registry-server.ts";
import { startSilentRegistry } from "../support/silent-registry.ts";
import { untilNothingIsUnderWay, uploadFolders } from "../support/unfinished-work.ts";

const HOST = "Host: localhost\r\n";
const digest = `sha256:${"0".repeat(64)}`;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startSilentRegistry();
  client = new RegistryClient(server);
  await client.pushImage("lib/demo", "latest");
});
afterAll(() => server[Symbol.asyncDispose]());

describe("a path", () => {
  it.each([
    ["/v2/../../../etc/passwd", 404],
    ["/v2/a/%2e%2e/%2e%2e/tags/list", 400],
    // All of these resolve to a path that exists.
    ["/v2/public\\..\\lib/demo/tags/list", 400],
    ["/v2/public/%2e%2e/lib/demo/tags/list", 400],
    ["/v2/public/.%2E/lib/demo/tags/list", 400],
    ["/v2/public/../lib/demo/tags/list", 400],
    ["/v2/./lib/demo/tags/list", 400],
    ["/v2/lib/%2e/demo/tags/list", 400],
    ["/v2/lib\\demo/tags/list", 400],
    ["/v2/lib/demo/tags\\list", 404],
    ["/v2\\lib\\demo\\tags\\list", 400],
    ["/x/../v2/lib/demo/tags/list", 400],
    ["/v2/lib/demo/tags/list/.", 404],
    ["/v2/lib/demo/tags/x/../list", 404],
    ["/v2/lib/demo/tags/list#x", 404],
    ["http://elsewhere/v2/public/../lib/demo/tags/list", 400],
    ["http://elsewhere/v2/lib/demo/tags/list", 200],
    [`/v2/${"a/".repeat(92)}a/tags/list`, 404],
    [`/v2/${"a/".repeat(94)}a/tags/list`, 400],
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
    ["/", 200],
    ["/x/..", 400],
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
    ["with an empty host", "GET /v2/ HTTP/1.1\r\nHost:\r\n\r\n", 200],
    ["with an IPv6 host", "GET /v2/ HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n", 200],
    ["with two hosts", "GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["with two hosts and a path that is no endpoint", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["with the same host twice", "GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400],
    ["with a list of hosts", "GET /v2/ HTTP/1.1\r\nHost: a,b\r\n\r\n", 400],
    ["with a host of two words", "GET /v2/ HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
    ["with a path as host", "GET /v2/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400],
    ["with a target of backslashes", `GET \\v2\\lib\\demo\\tags\\list HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["with a space before a colon", `GET /v2/ HTTP/1.1\r\n${HOST}Content-Length : 0\r\n\r\n`, 400],
    ["with a folded header", `GET /v2/ HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, 400],
    ["with a NUL in a header", `GET /v2/ HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400],
    ["that wants to upgrade", `GET /v2/ HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, 200],
    ["with a parameter twice", `GET /v2/_catalog?n=1&n=2 HTTP/1.1\r\n${HOST}\r\n`, 400],
    ["with a parameter twice, once encoded", `GET /v2/_catalog?n=1&%6e=2 HTTP/1.1\r\n${HOST}\r\n`, 400],
    [
      "with two digests",
      `POST /v2/a/blobs/uploads/?digest=${digest}&digest=${digest} HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`,
      400,
    ],
    [
      "with an encoding besides chunked",
      `POST /v2/a/blobs/uploads/ HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
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
    const { statuses, closed } = await sendRaw(server.url, [head, chunks], { responses: 2 });
    expect(closed).toBe(true);
    expect(statuses.every((status) => status >= 400 && status < 500)).toBe(true);
    const status = await client.call("GET", location);
    expect(status.status).toBe(204);
    const size =
      status.headers.get("range") === "0-2" ? 3 : Number(status.headers.get("range")?.slice(2)) + 1;
    const headers = { "content-range": `${size}-${size + 2}` };
    expect([202, 416]).toContain((await client.call("PATCH", location, { headers, body: "def" })).status);
  });

  it("that announces trailers is refused before a byte of it is kept", async () => {
    const location = await client.start("chunk/trailers");
    const head = `PATCH ${location} HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n`;
    const { statuses } = await sendRaw(server.url, [`${head}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`]);
    expect(statuses[0]).toBe(400);
    const status = await client.call("GET", location);
    expect(status.headers.get("range")).toBe("0-0");
  });

  it("with trailers that it did not announce changes nothing", async () => {
    const chunked = (body: string) =>
      `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nX-Sum: 1\r\n\r\n`;
    const index = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] });
    const location = await client.start("trailers");
    await client.call("PATCH", location, { body: "begin " });
    const known = await uploadFolders(server);
    const uploads = "/v2/trailers/blobs/uploads/";
    const paths = {
      manifest: "/v2/trailers/manifests/v1",
      blob: `/v2/trailers/blobs/${digestOf("whole")}`,
      upload: location,
    };
    for (const [request, body] of [
      [`PUT ${paths.manifest}`, index],
      [`POST ${uploads}?digest=${digestOf("whole")}`, "whole"],
      [`PUT ${location}&digest=${digestOf("begin end")}`, "end"],
      [`PATCH ${location}`, "more"],
    ]) {
      const { statuses, closed } = await sendRaw(
        server.url,
        [`${request} HTTP/1.1\r\n${HOST}${chunked(body as string)}`],
        { responses: 2 },
      );
      expect([statuses, closed]).toEqual([[400], true]);
    }
    // The connection closes before the requests have ended.
    await untilNothingIsUnderWay(server, known);
    expect((await client.call("HEAD", paths.manifest)).status).toBe(404);
    expect((await client.call("HEAD", paths.blob)).status).toBe(404);
    expect((await client.call("GET", paths.upload)).headers.get("range")).toBe("0-5");
    const whole = await client.call("PUT", `${location}&digest=${digestOf("begin end")}`, { body: "end" });
    expect(whole.status).toBe(201);
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

  it("with Expect: 100-continue is answered 100 Continue", async () => {
    const location = await client.start("expect");
    const head = `PATCH ${location} HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    const { text, statuses } = await sendRaw(server.url, [head, "abc"]);
    expect(text).toStartWith("HTTP/1.1 100");
    expect(statuses).toEqual([202]);
  });
});
