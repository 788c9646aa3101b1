import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { digestOf, EMPTY_DIGEST } from "../../src/oci/digest.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

const content = randomBytes(300_000);
const digest = digestOf(content);
const octets = { "content-type": "application/octet-stream" };

async function expectBlob(name: string, bytes: Uint8Array = content, reference: string = digestOf(bytes)) {
  const response = await client.call("GET", `/v2/${name}/blobs/${reference}`);
  expect(response.status).toBe(200);
  expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
}

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

describe("an upload", () => {
  it("begins with a location, a range and an id, and reports its offset", async () => {
    const started = await client.call("POST", "/v2/up/status/blobs/uploads/");
    expect(started.status).toBe(202);
    const location = started.headers.get("location") as string;
    const id = started.headers.get("docker-upload-uuid");
    expect(location).toBe(`/v2/up/status/blobs/uploads/${id}?upload`);
    expect(started.headers.get("range")).toBe("0-0");
    expect(started.headers.get("content-length")).toBe("0");
    const status = await client.call("GET", location);
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toBe("0-0");
    expect(status.headers.get("location")).toBe(location);
  });

  it("ends with one PUT", async () => {
    const location = await client.start("up/put");
    const response = await client.call("PUT", `${location}&digest=${digest}`, { body: content });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/up/put/blobs/${digest}`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(response.headers.get("content-length")).toBe("0");
    await expectBlob("up/put");
    expect((await client.call("GET", location)).status).toBe(404);
  });

  it.each([
    ["appended with &, as to Distribution's", (location: string, end: string) => `${location}&${end}`],
    ["appended with ?, although there is a query", (location: string, end: string) => `${location}?${end}`],
    ["put before the query", (location: string, end: string) => location.replace("?", `?${end}&`)],
    ["put in place of the query", (location: string, end: string) => `${location.split("?")[0]}?${end}`],
    ["appended to an empty query", (location: string, end: string) => `${location.split("?")[0]}?&${end}`],
  ])("ends when the digest is %s", async (_, closing) => {
    const location = await client.start("up/closing");
    const patched = await client.call("PATCH", location, { body: content });
    expect(patched.headers.get("location")).toBe(location);
    expect((await client.call("PUT", closing(location, `digest=${digest}`))).status).toBe(201);
    await expectBlob("up/closing");
  });

  it("is refused two digests, however they are appended", async () => {
    const location = await client.start("up/two-digests");
    for (const query of [`&digest=${digest}&digest=${digest}`, `&digest=${digest}?digest=${digest}`]) {
      expect((await client.call("PUT", location + query, { body: content })).status).toBe(400);
    }
    expect((await client.call("GET", location)).headers.get("range")).toBe("0-0");
  });

  it("takes a stream without a length, then an empty PUT", async () => {
    const location = await client.start("up/stream");
    const body = streamOf(content.subarray(0, 100_000), content.subarray(100_000));
    const patched = await client.call("PATCH", location, { headers: octets, body });
    expect(patched.status).toBe(202);
    expect(patched.headers.get("range")).toBe(`0-${content.length - 1}`);
    expect((await client.call("PUT", `${location}&digest=${digest}`)).status).toBe(201);
    await expectBlob("up/stream");
  });

  it.each(["", "bytes "])("takes chunks with Content-Range %j, the last one in the PUT", async (unit) => {
    const name = unit === "" ? "up/chunks" : "up/chunks-http";
    let location = await client.start(name);
    for (const [start, end] of [
      [0, 1],
      [1, 65_536],
      [65_536, 200_000],
    ] as const) {
      const headers = { ...octets, "content-range": `${unit}${start}-${end - 1}` };
      const patched = await client.call("PATCH", location, { headers, body: content.subarray(start, end) });
      expect(patched.status).toBe(202);
      expect(patched.headers.get("range")).toBe(`0-${end - 1}`);
      location = patched.headers.get("location") as string;
    }
    const headers = { "content-range": `${unit}200000-${content.length - 1}` };
    const body = content.subarray(200_000);
    expect((await client.call("PUT", `${location}&digest=${digest}`, { headers, body })).status).toBe(201);
    await expectBlob(name);
  });

  it("is not needed for a whole blob in one POST", async () => {
    const path = `/v2/up/single/blobs/uploads/?digest=${digest}`;
    const response = await client.call("POST", path, { body: content });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/up/single/blobs/${digest}`);
    await expectBlob("up/single");
    const lie = `/v2/up/single/blobs/uploads/?digest=${EMPTY_DIGEST}`;
    const refused = await client.call("POST", lie, { body: content });
    expect([refused.status, await errorCodes(refused)]).toEqual([400, ["DIGEST_INVALID"]]);
  });

  it("never parses a body, whatever its type says", async () => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const location = await client.start("up/form");
    const response = await client.call("PUT", `${location}&digest=${digest}`, { headers, body: content });
    expect(response.status).toBe(201);
    await expectBlob("up/form");
  });

  it("takes the empty blob, and 1,024 zero bytes", async () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(1024)]) {
      await client.pushBlob("up/zeros", bytes);
      await expectBlob("up/zeros", bytes);
    }
  });

  it("continues after a restart of the server", async () => {
    const location = await client.start("up/restart");
    await client.call("PATCH", location, { headers: octets, body: content.subarray(0, 123_456) });
    await server.restart();
    const status = await client.call("GET", location);
    expect(status.headers.get("range")).toBe("0-123455");
    const headers = { ...octets, "content-range": `123456-${content.length - 1}` };
    const patched = await client.call("PATCH", location, { headers, body: content.subarray(123_456) });
    expect(patched.status).toBe(202);
    expect((await client.call("PUT", `${location}&digest=${digest}`)).status).toBe(201);
    await expectBlob("up/restart");
  });

  it("leaves nothing when it is cancelled", async () => {
    const location = await client.start("up/cancel");
    await client.call("PATCH", location, { headers: octets, body: content });
    expect((await client.call("DELETE", location)).status).toBe(204);
    for (const [method, path] of [
      ["GET", location],
      ["PATCH", location],
      ["PUT", `${location}&digest=${digest}`],
      ["DELETE", location],
    ] as const) {
      const response = await client.call(method, path);
      expect([response.status, await errorCodes(response)]).toEqual([404, ["BLOB_UPLOAD_UNKNOWN"]]);
    }
    expect((await client.call("HEAD", `/v2/up/cancel/blobs/${digest}`)).status).toBe(404);
  });

  it("belongs to the repository it was opened in", async () => {
    const location = await client.start("up/mine");
    const elsewhere = location.replace("up/mine", "up/yours");
    expect((await client.call("GET", elsewhere)).status).toBe(404);
    expect((await client.call("DELETE", elsewhere)).status).toBe(404);
    expect((await client.call("GET", location)).status).toBe(204);
  });

  it("answers 404 for an id that the registry never issues", async () => {
    for (const id of ["nobody", "a.b", "..%2f..%2fetc", "x".repeat(300), "%00"]) {
      expect((await client.call("GET", `/v2/up/ids/blobs/uploads/${id}`)).status).toBe(404);
    }
  });
});

describe("a chunk out of order", () => {
  it("gets 416 with the current offset, for PATCH and for the closing PUT", async () => {
    const location = await client.start("up/order");
    await client.call("PATCH", location, { headers: octets, body: content.subarray(0, 1000) });
    for (const range of ["0-999", "999-1998", "1001-2000", "2000-2999"]) {
      for (const [method, path] of [
        ["PATCH", location],
        ["PUT", `${location}&digest=${digest}`],
      ] as const) {
        const headers = { ...octets, "content-range": range };
        const response = await client.call(method, path, { headers, body: content.subarray(0, 1000) });
        expect([response.status, await errorCodes(response)]).toEqual([416, ["BLOB_UPLOAD_INVALID"]]);
        expect(response.headers.get("range")).toBe("0-999");
      }
    }
    expect((await client.call("GET", location)).headers.get("range")).toBe("0-999");
  });

  it("is refused when its range does not match its body, and none of it is kept", async () => {
    const location = await client.start("up/lies");
    for (const range of ["0-20", "0-1000", "0-5000"]) {
      const headers = { ...octets, "content-range": range };
      const response = await client.call("PATCH", location, { headers, body: content.subarray(0, 1000) });
      expect([response.status, await errorCodes(response)]).toEqual([400, ["SIZE_INVALID"]]);
    }
    expect((await client.call("GET", location)).headers.get("range")).toBe("0-0");
    const headers = { ...octets, "content-range": "0-999" };
    const body = content.subarray(0, 1000);
    expect((await client.call("PATCH", location, { headers, body })).status).toBe(202);
  });

  it.each(["", "x", "5-2", "0", "-5", "0-", "bytes=0-5,7-9", "1e1-20"])(
    "is refused with Content-Range %j",
    async (range) => {
      const location = await client.start("up/malformed");
      const headers = { ...octets, "content-range": range };
      const response = await client.call("PATCH", location, { headers, body: "x" });
      expect([response.status, await errorCodes(response)]).toEqual([400, ["BLOB_UPLOAD_INVALID"]]);
    },
  );

  it("leaves what arrived when the stream is longer or shorter than its range, so that the client can go on", async () => {
    const location = await client.start("up/stream-lies");
    const headers = { ...octets, "content-range": "0-99" };
    const response = await client.call("PATCH", location, {
      headers,
      body: streamOf(content.subarray(0, 50)),
    });
    expect([response.status, await errorCodes(response)]).toEqual([400, ["SIZE_INVALID"]]);
    expect((await client.call("GET", location)).headers.get("range")).toBe("0-49");
  });
});

describe("the closing PUT", () => {
  it("leaves the upload open when the digest does not match, and a second one ends it", async () => {
    const location = await client.start("up/mismatch");
    await client.call("PATCH", location, { headers: octets, body: content });
    const wrong = digestOf("something else");
    const refused = await client.call("PUT", `${location}&digest=${wrong}`);
    expect([refused.status, await errorCodes(refused)]).toEqual([400, ["DIGEST_INVALID"]]);
    expect((await client.call("HEAD", `/v2/up/mismatch/blobs/${wrong}`)).status).toBe(404);
    expect((await client.call("PUT", `${location}&digest=${digest}`)).status).toBe(201);
    await expectBlob("up/mismatch");
  });

  it.each([
    "",
    "?digest=",
    "?digest=sha256:abc",
    "?digest=sha257:abc",
    "?digest=x",
    `?digest=SHA256:${"0".repeat(64)}`,
  ])("is refused with %j, and keeps the upload", async (query) => {
    const location = await client.start("up/digests");
    const response = await client.call("PUT", `${location}${query}`, { body: content });
    expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
    expect((await client.call("GET", location)).status).toBe(204);
  });
});

describe.each(["sha512", "blake3"] as const)("an algorithm of the client's choice: %s", (algorithm) => {
  const named = digestOf(content, algorithm);

  it.each(["", "?digest-algorithm=ALGORITHM"])("names the blob, begun with %j", async (query) => {
    const name = `up/${algorithm}${query === "" ? "" : "-told"}`;
    const location = await client.start(name, query.replace("ALGORITHM", algorithm));
    const response = await client.call("PUT", `${location}&digest=${named}`, { body: content });
    expect(response.status).toBe(201);
    expect(response.headers.get("docker-content-digest")).toBe(named);
    const served = await client.call("GET", `/v2/${name}/blobs/${named}`);
    expect(served.headers.get("docker-content-digest")).toBe(named);
    expect(served.headers.get("etag")).toBe(`"${named}"`);
    await expectBlob(name, content, named);
    await expectBlob(name, content, digest);
  });

  it("works in a single POST, and in a mount that can be read afterwards", async () => {
    const path = `/v2/up/${algorithm}-single/blobs/uploads/?digest=${named}`;
    expect((await client.call("POST", path, { body: content })).status).toBe(201);
    await expectBlob(`up/${algorithm}-single`, content, named);
    const mount = `/v2/up/${algorithm}-mount/blobs/uploads/?mount=${named}&from=up/${algorithm}-single`;
    expect((await client.call("POST", mount)).status).toBe(201);
    await expectBlob(`up/${algorithm}-mount`, content, named);
    await expectBlob(`up/${algorithm}-mount`, content, digest);
  });

  it("may be announced and then not used", async () => {
    const location = await client.start(`up/${algorithm}-unused`, `?digest-algorithm=${algorithm}`);
    expect((await client.call("PUT", `${location}&digest=${digest}`, { body: content })).status).toBe(201);
    await expectBlob(`up/${algorithm}-unused`);
  });

  it("is refused when it is unknown", async () => {
    const response = await client.call("POST", "/v2/up/md5/blobs/uploads/?digest-algorithm=md5");
    expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
  });
});
