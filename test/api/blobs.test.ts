import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { digestOf } from "../../src/oci/digest.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

const content = randomBytes(200_000);
const digest = digestOf(content);
const path = `/v2/foo/bar/blobs/${digest}`;
const unknown = `sha256:${"0".repeat(64)}`;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
  await client.pushBlob("foo/bar", content);
});
afterAll(() => server[Symbol.asyncDispose]());

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe("a blob", () => {
  it("is served with what clients and caches need to know", async () => {
    for (const method of ["GET", "HEAD"]) {
      const response = await client.call(method, path);
      expect(response.status).toBe(200);
      expect(response.headers.get("content-length")).toBe(String(content.length));
      expect(response.headers.get("content-type")).toBe("application/octet-stream");
      expect(response.headers.get("docker-content-digest")).toBe(digest);
      expect(response.headers.get("etag")).toBe(`"${digest}"`);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect(response.headers.get("accept-ranges")).toBe("bytes");
      expect((await bytesOf(response)).equals(method === "GET" ? content : Buffer.alloc(0))).toBe(true);
    }
  });

  it.each([`"${digest}"`, digest, `W/"${digest}"`, `"x", "${digest}"`, "*"])(
    "is not sent again to a client that has it: %s",
    async (tag) => {
      const response = await client.call("GET", path, { headers: { "if-none-match": tag } });
      expect(response.status).toBe(304);
      expect(response.headers.get("etag")).toBe(`"${digest}"`);
      expect(response.headers.get("docker-content-digest")).toBe(digest);
    },
  );

  it.each(["", '"x"', `"${unknown}"`])("is sent to a client that has something else: %j", async (tag) => {
    expect((await client.call("GET", path, { headers: { "if-none-match": tag } })).status).toBe(200);
  });

  it("that nobody pushed here is unknown, though another repository has it", async () => {
    for (const missing of [`/v2/foo/bar/blobs/${unknown}`, `/v2/other/blobs/${digest}`]) {
      expect((await client.call("HEAD", missing)).status).toBe(404);
      for (const method of ["GET", "DELETE"]) {
        const response = await client.call(method, missing);
        expect([response.status, await errorCodes(response)]).toEqual([404, ["BLOB_UNKNOWN"]]);
      }
    }
  });

  it.each([
    "sha257:abc",
    "sha256:abc",
    `sha256:${"G".repeat(64)}`,
    `sha256:${"A".repeat(64)}`,
    "notadigest",
    ":",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
  ])("cannot have the digest %s", async (text) => {
    for (const method of ["GET", "DELETE"]) {
      const response = await client.call(method, `/v2/foo/bar/blobs/${text}`);
      expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
    }
  });

  it("is gone once deleted, from this repository only, and can be pushed again", async () => {
    await client.pushBlob("del/one", "shared");
    const { digest: shared } = await client.pushBlob("del/two", "shared");
    const deleted = await client.call("DELETE", `/v2/del/one/blobs/${shared}`);
    expect(deleted.status).toBe(202);
    expect(deleted.headers.get("content-length")).toBe("0");
    expect((await client.call("HEAD", `/v2/del/one/blobs/${shared}`)).status).toBe(404);
    expect((await client.call("DELETE", `/v2/del/one/blobs/${shared}`)).status).toBe(404);
    expect((await client.call("GET", `/v2/del/two/blobs/${shared}`)).status).toBe(200);
    await client.pushBlob("del/one", "shared");
    expect((await client.call("HEAD", `/v2/del/one/blobs/${shared}`)).status).toBe(200);
  });

  it("is no manifest, and a manifest is no blob, whatever is cached", async () => {
    const image = await client.pushImage("kinds", "latest");
    const layer = await client.pushBlob("kinds", "layer");
    for (let i = 0; i < 2; i++) {
      expect((await client.call("GET", `/v2/kinds/blobs/${layer.digest}`)).status).toBe(200);
      expect((await client.call("GET", `/v2/kinds/manifests/${layer.digest}`)).status).toBe(404);
      expect((await client.call("GET", `/v2/kinds/manifests/${image.digest}`)).status).toBe(200);
      expect((await client.call("GET", `/v2/kinds/blobs/${image.digest}`)).status).toBe(404);
    }
  });
});

describe("a range of a blob", () => {
  const size = content.length;

  it.each([
    ["bytes=0-9", 0, 10],
    ["bytes=0-0", 0, 1],
    ["bytes=100-", 100, size],
    [`bytes=${size - 1}-`, size - 1, size],
    [`bytes=10-${size * 2}`, 10, size],
    ["bytes=10-9223372036854775807", 10, size],
    ["bytes=10-10,", 10, 11],
    ["bytes=, ,10-10", 10, 11],
    ["bytes=-5", size - 5, size],
    [`bytes=-${size * 2}`, 0, size],
    ["bytes= 5-9 ", 5, 10],
    ["BYTES=5-9", 5, 10],
    [`bytes=5-9,${size}-`, 5, 10],
  ])("%s is that part", async (range, start, end) => {
    const response = await client.call("GET", path, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/${size}`);
    expect(response.headers.get("content-length")).toBe(String(end - start));
    expect((await bytesOf(response)).equals(content.subarray(start, end))).toBe(true);
  });

  it.each([`bytes=${size}-`, `bytes=${size}-${size + 5}`, "bytes=-0", `bytes=,${size}-,`])(
    "%s cannot be satisfied",
    async (range) => {
      const response = await client.call("GET", path, { headers: { range } });
      expect([response.status, await errorCodes(response)]).toEqual([416, ["SIZE_INVALID"]]);
      expect(response.headers.get("content-range")).toBe(`bytes */${size}`);
    },
  );

  it.each([
    "lines=1-2",
    "0-5",
    `bytes=${"0-,".repeat(5)}0-`,
    `bytes=${"1-1,".repeat(1024)}1-1`,
    "bytes=5-4",
    "bytes=a-b",
    "bytes=",
    "bytes=,",
    "bytes=-",
    "bytes=1",
    "bytes=--5",
    "bytes=1-2-3",
    "bytes=1-2,x",
  ])("%s is left aside and the whole sent", async (range) => {
    const response = await client.call("GET", path, { headers: { range } });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-range")).toBeNull();
    expect((await bytesOf(response)).equals(content)).toBe(true);
  });

  it("is sent only of the content that If-Range names", async () => {
    const range = "bytes=0-9";
    for (const [condition, status] of [
      [`"${digest}"`, 206],
      [`W/"${digest}"`, 200],
      ['"other"', 200],
      ["Wed, 21 Oct 2026 07:28:00 GMT", 200],
    ] as const) {
      const response = await client.call("GET", path, { headers: { range, "if-range": condition } });
      expect(response.status).toBe(status);
      expect((await bytesOf(response)).length).toBe(status === 206 ? 10 : size);
    }
  });

  it("comes with others as multipart/byteranges, in the order asked", async () => {
    const parts = [
      [50, 60],
      [0, 1],
      [size - 3, size],
    ] as const;
    const response = await client.call("GET", path, { headers: { range: "bytes=50-59, 0-0,-3" } });
    expect(response.status).toBe(206);
    const [, boundary] =
      /^multipart\/byteranges; boundary=(.+)$/.exec(response.headers.get("content-type") ?? "") ?? [];
    const expected = Buffer.concat([
      ...parts.map(([start, end]) =>
        Buffer.concat([
          Buffer.from(
            `\r\n--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end - 1}/${size}\r\n\r\n`,
          ),
          content.subarray(start, end),
        ]),
      ),
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const body = await bytesOf(response);
    expect(body.equals(expected)).toBe(true);
  });

  it("may be one of a thousand, as podman asks for the chunks that it lacks of a layer of gigabytes", async () => {
    const starts = Array.from({ length: 1024 }, (_, i) => i * 190);
    const padded = (offset: number) => String(offset).padStart(10, "0");
    const range = `bytes=${starts.map((start) => `${padded(start)}-${padded(start + 4)}`).join(",")}`;
    const response = await client.call("GET", path, { headers: { range } });
    expect(response.status).toBe(206);
    const body = await bytesOf(response);
    expect(body.toString("latin1").split("Content-Range: ").length - 1).toBe(1024);
  });
});
