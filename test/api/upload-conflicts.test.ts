import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { digestOf } from "../../src/oci/digest.ts";
import { eventually } from "../support/eventually.ts";
import { openConnection } from "../support/raw-http.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { untilUploadIsHeld, uploadId } from "../support/upload-lock.ts";

/** So long that the tested code ends hanging requests, and not the idle time-out. */
const NEVER_IDLE = { idleTimeoutSeconds: 255 };

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ http: NEVER_IDLE });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** A request whose client sends part of the body and then nothing more. */
class HangingRequest implements Disposable {
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  text = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => {
      this.text += chunk.toString("latin1");
    });
    socket.on("close", () => this.#closed.resolve());
  }

  /** Sends `sent` as the start of a body of 1,000 bytes; resolves once the server is reading it. */
  static async begin(method: string, path: string, sent: string, to = server): Promise<HangingRequest> {
    const socket = await openConnection(to.url);
    const request = new HangingRequest(socket);
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n${sent}`);
    await untilUploadIsHeld(to.data, path);
    return request;
  }

  send(rest: string): void {
    this.#socket.write(rest);
  }

  /** The first line of the answer, once it is there. */
  async status(): Promise<string | undefined> {
    await eventually(() => this.text.includes("\r\n\r\n"));
    return this.text.split("\r\n")[0];
  }

  closed(): Promise<void> {
    return this.#closed.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function uploadFolders(): Promise<readonly string[]> {
  return await readdir(join(server.data, "content/uploads"));
}

describe("while a PATCH hangs", () => {
  it("the upload's status is answered at once", async () => {
    const location = await client.start("hang/status");
    await client.call("PATCH", location, { body: "begin" });
    using _patch = await HangingRequest.begin("PATCH", location, "more");
    const status = await client.call("GET", location);
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toBe("0-4");
  });

  it("a DELETE ends it and the upload, and leaves nothing", async () => {
    const location = await client.start("hang/cancel");
    using patch = await HangingRequest.begin("PATCH", location, "begin");
    const cancelled = await client.call("DELETE", location);
    expect(cancelled.status).toBe(204);
    expect(await patch.status()).toStartWith("HTTP/1.1 404");
    expect(patch.text).toContain("BLOB_UPLOAD_UNKNOWN");
    await patch.closed();
    expect((await client.call("GET", location)).status).toBe(404);
    expect(await uploadFolders()).not.toContain(uploadId(location));
  });
});

describe("an upload that another request works on for long", () => {
  /** Waiting requests give up at once, and a silent client keeps its turn. */
  const IMPATIENT = { waitMs: 50, silenceMs: Number.POSITIVE_INFINITY };

  it("a second PATCH, and a PUT, are told that the upload is busy, and the first goes on", async () => {
    await using impatient = await startRegistry({ http: NEVER_IDLE, uploadPatience: IMPATIENT });
    const client = new RegistryClient(impatient);
    const location = await client.start("hang/busy");
    using patch = await HangingRequest.begin("PATCH", location, "a".repeat(10), impatient);
    const put = `${location}&digest=${digestOf("other")}`;
    const answers = await Promise.all([
      client.call("PATCH", location, { body: "other" }),
      client.call("PUT", put, { body: "other" }),
      client.call("PUT", put),
    ]);
    for (const answer of answers) {
      expect([answer.status, await errorCodes(answer)]).toEqual([409, ["BLOB_UPLOAD_INVALID"]]);
      expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
      expect(answer.headers.get("range")).toBe("0-0");
    }
    patch.send("a".repeat(990));
    expect(await patch.status()).toStartWith("HTTP/1.1 202");
    const ended = await client.call("PUT", `${location}&digest=${digestOf("a".repeat(1000))}`);
    expect(ended.status).toBe(201);
  });
});

describe("a closing PUT with a body", () => {
  it("leaves the upload unchanged when the digest does not match", async () => {
    const location = await client.start("all-or-nothing");
    await client.call("PATCH", location, { body: "begin " });
    const wrong = `${location}&digest=${digestOf("something else")}`;
    for (const body of ["end", randomBytes(300_000)]) {
      const refused = await client.call("PUT", wrong, { body });
      expect([refused.status, await errorCodes(refused)]).toEqual([400, ["DIGEST_INVALID"]]);
      expect((await client.call("GET", location)).headers.get("range")).toBe("0-5");
    }
    const right = `${location}&digest=${digestOf("begin end")}`;
    expect((await client.call("PUT", right, { body: "end" })).status).toBe(201);
  });

  it("leaves the upload unchanged when the client disconnects or its range is wrong", async () => {
    const location = await client.start("all-or-nothing");
    await client.call("PATCH", location, { body: "begin " });
    const path = `${location}&digest=${digestOf("begin end")}`;
    {
      using _put = await HangingRequest.begin("PUT", path, "half");
      // The answer reports the bytes that remain, however the PUT ends.
      expect((await client.call("GET", location)).headers.get("range")).toBe("0-5");
    }
    const body = new Blob(["half"]).stream();
    const lie = await client.call("PUT", path, { headers: { "content-range": "6-99" }, body });
    expect([lie.status, await errorCodes(lie)]).toEqual([400, ["SIZE_INVALID"]]);
    expect((await client.call("GET", location)).headers.get("range")).toBe("0-5");
    expect((await client.call("PUT", path, { body: "end" })).status).toBe(201);
  });

  it("is answered 201 to each of several clients that send the same at once", async () => {
    const content = randomBytes(200_000);
    const location = await client.start("twice");
    const path = `${location}&digest=${digestOf(content)}`;
    const answers = await Promise.all([1, 2, 3].map(() => client.call("PUT", path, { body: content })));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
    const stored = await client.call("GET", `/v2/twice/blobs/${digestOf(content)}`);
    expect(Buffer.from(await stored.arrayBuffer()).equals(content)).toBe(true);
  });

  it("is answered 201 again when it is repeated, and by no other repository", async () => {
    const location = await client.start("again/mine");
    const path = `${location}&digest=${digestOf("content")}`;
    expect((await client.call("PUT", path, { body: "content" })).status).toBe(201);
    for (const body of ["content", undefined]) {
      const repeated = await client.call("PUT", path, body === undefined ? {} : { body });
      expect(repeated.status).toBe(201);
      expect(repeated.headers.get("location")).toBe(`/v2/again/mine/blobs/${digestOf("content")}`);
    }
    const elsewhere = await client.call("PUT", path.replace("again/mine", "again/yours"));
    expect([elsewhere.status, await errorCodes(elsewhere)]).toEqual([404, ["BLOB_UPLOAD_UNKNOWN"]]);
    const other = await client.call("PUT", `${location}&digest=${digestOf("something else")}`);
    expect([other.status, await errorCodes(other)]).toEqual([404, ["BLOB_UPLOAD_UNKNOWN"]]);
  });
});

describe("a cancel and a finish at the same time", () => {
  it("are decided one way or the other: one succeeds, and the other finds the upload gone", async () => {
    for (let round = 0; round < 30; round += 1) {
      const location = await client.start("decided");
      const content = `content ${round}`;
      await client.call("PATCH", location, { body: content });
      const [finished, cancelled] = await Promise.all([
        client.call("PUT", `${location}&digest=${digestOf(content)}`),
        client.call("DELETE", location),
      ]);
      const statuses = [finished.status, cancelled.status];
      expect([
        [201, 404],
        [404, 204],
      ]).toContainEqual(statuses);
      const blob = await client.call("HEAD", `/v2/decided/blobs/${digestOf(content)}`);
      expect(blob.status).toBe(finished.status === 201 ? 200 : 404);
    }
  });
});

describe("two servers on one data folder", () => {
  let second: RegistryServer;
  beforeAll(async () => {
    second = await startRegistry({ data: server.data, http: NEVER_IDLE });
  });
  afterAll(() => second[Symbol.asyncDispose]());

  async function cancelElsewhere(location: string): Promise<void> {
    const cancelled = await new RegistryClient(second).call("DELETE", location);
    expect(cancelled.status).toBe(204);
  }

  it("a DELETE at one ends the PATCH that hangs at the other", async () => {
    const location = await client.start("two/cancel");
    using patch = await HangingRequest.begin("PATCH", location, "begin");
    await cancelElsewhere(location);
    expect(await patch.status()).toStartWith("HTTP/1.1 404");
    await patch.closed();
    expect(await uploadFolders()).not.toContain(uploadId(location));
  });

  it.each(["PATCH", "PUT"])(
    "after a DELETE at one, a %s that ends at the other is not acknowledged",
    async (method) => {
      const location = await client.start("two/late");
      const digest = digestOf("a".repeat(1000));
      const path = method === "PUT" ? `${location}&digest=${digest}` : location;
      using request = await HangingRequest.begin(method, path, "a".repeat(10));
      await cancelElsewhere(location);
      request.send("a".repeat(990));
      expect(await request.status()).toStartWith("HTTP/1.1 404");
      expect((await client.call("HEAD", `/v2/two/late/blobs/${digest}`)).status).toBe(404);
      expect(await uploadFolders()).not.toContain(uploadId(location));
    },
  );

  it("of a PUT at one and a DELETE at the other exactly one succeeds", async () => {
    for (let round = 0; round < 20; round += 1) {
      const location = await client.start("two/decided");
      const content = `content ${round}`;
      await client.call("PATCH", location, { body: content });
      const [finished, cancelled] = await Promise.all([
        client.call("PUT", `${location}&digest=${digestOf(content)}`),
        new RegistryClient(second).call("DELETE", location),
      ]);
      expect([
        [201, 404],
        [404, 204],
      ]).toContainEqual([finished.status, cancelled.status]);
      const blob = await client.call("HEAD", `/v2/two/decided/blobs/${digestOf(content)}`);
      expect(blob.status).toBe(finished.status === 201 ? 200 : 404);
    }
  });
});
