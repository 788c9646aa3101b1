import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { OPEN_ACCESS } from "../../src/registry/access-policy.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

type Condition = Readonly<Record<string, string>>;

const textOf = (seed: string) =>
  JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], annotations: { seed } });

function put(name: string, reference: string, seed: string, condition: Condition = {}) {
  const headers = { "content-type": MediaType.ociIndex, ...condition };
  return client.call("PUT", `/v2/${name}/manifests/${reference}`, { headers, body: textOf(seed) });
}

function remove(name: string, reference: string, condition: Condition = {}) {
  return client.call("DELETE", `/v2/${name}/manifests/${reference}`, { headers: condition });
}

async function etagOf(name: string, reference: string): Promise<string | null> {
  return (await client.call("HEAD", `/v2/${name}/manifests/${reference}`)).headers.get("etag");
}

async function firstError(response: Response) {
  const { errors } = (await response.json()) as {
    errors: readonly { code: string; message: string; detail: object }[];
  };
  return errors[0];
}

const quoted = (seed: string) => `"${digestOf(textOf(seed))}"`;

describe("a push", () => {
  it("with If-None-Match: * creates a tag and never overwrites it", async () => {
    const create = { "if-none-match": "*" };
    expect((await put("create", "v1", "a", create)).status).toBe(201);
    const refused = await put("create", "v1", "b", create);
    expect(refused.status).toBe(412);
    expect(await firstError(refused)).toEqual({
      code: "MANIFEST_INVALID",
      message: "If-None-Match does not hold: v1 already exists",
      detail: { condition: "If-None-Match", reference: "v1", current: digestOf(textOf("a")) },
    });
    expect((await put("create", "v1", "a", create)).status).toBe(412);
    expect(await etagOf("create", "v1")).toBe(quoted("a"));
    expect(await etagOf("create", digestOf(textOf("b")))).toBeNull();
    expect((await put("create", "v2", "b", create)).status).toBe(201);
  });

  it("with If-Match moves a tag only from what the client saw", async () => {
    expect((await put("move", "v1", "a", { "if-match": "*" })).status).toBe(412);
    expect((await put("move", "v1", "a")).status).toBe(201);
    const seen = (await etagOf("move", "v1")) as string;
    expect((await put("move", "v1", "b", { "if-match": seen })).status).toBe(201);
    const late = await put("move", "v1", "c", { "if-match": seen });
    expect([late.status, (await firstError(late))?.detail]).toEqual([
      412,
      { condition: "If-Match", reference: "v1", current: digestOf(textOf("b")) },
    ]);
    expect(await etagOf("move", "v1")).toBe(quoted("b"));
    const any = `"other", ${quoted("b")}`;
    expect((await put("move", "v1", "c", { "if-match": any, "if-none-match": quoted("a") })).status).toBe(
      201,
    );
    expect(
      (await put("move", "v1", "d", { "if-none-match": `${quoted("a")}, W/${quoted("c")}` })).status,
    ).toBe(412);
  });

  it("with a weak tag in If-Match never happens, since weak tags do not match strongly", async () => {
    await put("weak", "v1", "a");
    expect((await put("weak", "v1", "b", { "if-match": `W/${quoted("a")}` })).status).toBe(412);
    const both = { "if-match": `W/${quoted("a")}, ${quoted("a")}` };
    expect((await put("weak", "v1", "b", both)).status).toBe(201);
  });

  it("matches a manifest by any digest it is known by", async () => {
    const sha512 = digestOf(textOf("a"), "sha512");
    await put("names", `${sha512}?tag=v1`, "a");
    expect(await etagOf("names", "v1")).toBe(`"${sha512}"`);
    expect((await put("names", "v1", "b", { "if-match": quoted("a") })).status).toBe(201);
  });

  it("by digest with tags asks for each of the tags, and gives all or none", async () => {
    const create = { "if-none-match": "*" };
    await put("tags", "v1", "a");
    const both = `${digestOf(textOf("b"))}?tag=v1&tag=new`;
    expect((await put("tags", both, "b", create)).status).toBe(412);
    expect(await etagOf("tags", "new")).toBeNull();
    expect((await put("tags", "new?tag=v1", "b", create)).status).toBe(412);
    expect(await etagOf("tags", "new")).toBeNull();
    expect((await put("tags", both.replace("v1", "v2"), "b", create)).status).toBe(201);
    expect((await put("tags", `${digestOf(textOf("b"))}?tag=v3`, "b", create)).status).toBe(201);
  });

  it("by digest alone asks for the manifest", async () => {
    const digest = digestOf(textOf("a"));
    expect((await put("digest", digest, "a", { "if-match": "*" })).status).toBe(412);
    expect((await put("digest", digest, "a", { "if-none-match": "*" })).status).toBe(201);
    expect((await put("digest", digest, "a", { "if-none-match": "*" })).status).toBe(412);
    expect((await put("digest", digest, "a", { "if-match": quoted("a") })).status).toBe(201);
  });

  it("ignores dates, since no manifest has one", async () => {
    const condition = { "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT" };
    expect((await put("dates", "v1", "a", condition)).status).toBe(201);
  });

  it("has one winner among many clients", async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => put("race", "v1", `${index}`, { "if-none-match": "*" })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([201, ...Array(19).fill(412)]);
    expect(await etagOf("race", "v1")).toBe(quoted(`${statuses.indexOf(201)}`));
  });
});

describe("a delete", () => {
  it("of a tag with If-Match removes only what the client saw", async () => {
    await put("untag", "v1", "a");
    await put("untag", "v1", "b");
    expect((await remove("untag", "v1", { "if-match": quoted("a") })).status).toBe(412);
    expect((await remove("untag", "v1", { "if-none-match": "*" })).status).toBe(412);
    expect((await remove("untag", "v1", { "if-match": quoted("b") })).status).toBe(202);
    expect((await remove("untag", "v1", { "if-match": quoted("b") })).status).toBe(404);
  });

  it("of a manifest holds to its condition too", async () => {
    await put("unstore", "v1", "a");
    const digest = digestOf(textOf("a"));
    expect((await remove("unstore", digest, { "if-match": '"else"' })).status).toBe(412);
    expect(await etagOf("unstore", "v1")).toBe(quoted("a"));
    expect((await remove("unstore", digest, { "if-match": "*" })).status).toBe(202);
    expect((await remove("unstore", digest, { "if-match": "*" })).status).toBe(404);
  });

  it("of a blob holds to its condition too", async () => {
    const { digest } = await client.pushBlob("blobs", "content");
    const unlink = (condition: Condition) =>
      client.call("DELETE", `/v2/blobs/blobs/${digest}`, { headers: condition });
    expect((await unlink({ "if-match": '"else"' })).status).toBe(412);
    expect((await unlink({ "if-none-match": "*" })).status).toBe(412);
    expect((await unlink({ "if-match": "malformed" })).status).toBe(400);
    expect((await unlink({ "if-match": `"${digest}"` })).status).toBe(202);
    expect((await unlink({ "if-match": '"else"' })).status).toBe(404);
  });
});

describe("a condition", () => {
  it.each(["sha256:abc", '"open', "'a'", "*, *", '*, "a"', '"a" "b"', ","])(
    "that is malformed is refused, and nothing happens: %s",
    async (text) => {
      await put("malformed", "kept", "a");
      for (const header of ["if-match", "if-none-match"]) {
        const answers = [
          await put("malformed", "v1", "b", { [header]: text }),
          await remove("malformed", "kept", { [header]: text }),
        ];
        for (const answer of answers) {
          expect(answer.status).toBe(400);
          expect((await firstError(answer))?.message).toMatch(/^If-(None-)?Match is malformed$/);
        }
      }
      expect([await etagOf("malformed", "v1"), await etagOf("malformed", "kept")]).toEqual([
        null,
        quoted("a"),
      ]);
    },
  );

  it("needs the right to pull, because its outcome reveals what is stored", async () => {
    const policy = { ...OPEN_ACCESS, allows: (_: unknown, action: string) => action !== "pull" };
    await using blind = await startRegistry({ policy });
    const pusher = new RegistryClient(blind);
    const push = (headers: Condition) =>
      pusher.call("PUT", "/v2/blind/manifests/v1", { headers, body: textOf("a") });
    expect((await push({})).status).toBe(201);
    expect((await push({ "if-none-match": "*" })).status).toBe(401);
    const removal = { headers: { "if-match": '"guess"' } };
    expect((await pusher.call("DELETE", "/v2/blind/manifests/v1", removal)).status).toBe(401);
  });
});
