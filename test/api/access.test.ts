import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import type { AccessPolicy, RepositoryAction } from "../../src/registry/access-policy.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

/** Allows what `rules` list for each repository. Tests change the rules while the server runs. */
class TestPolicy implements AccessPolicy {
  readonly rules = new Map<string, readonly RepositoryAction[]>();
  readonly asked: string[] = [];
  open = true;
  /** Nobody is known by name yet. So a caller who may pull what anybody may not is one whose first question is answered yes. */
  onlyOnce = false;

  allows(_caller: unknown, action: RepositoryAction, repository: string): boolean {
    const question = `${action} ${repository}`;
    if (this.onlyOnce && this.asked.includes(question)) return false;
    this.asked.push(question);
    return this.open || (this.rules.get(repository)?.includes(action) ?? false);
  }

  allowsCatalog(): boolean {
    return this.open || this.rules.has("_catalog");
  }
}

const policy = new TestPolicy();
const content = "content that the caller may not read";
const secret = digestOf(content);
const nowhere = digestOf("content that is nowhere");
let server: RegistryServer;
let client: RegistryClient;

beforeAll(async () => {
  server = await startRegistry({ policy });
  client = new RegistryClient(server);
  await client.pushBlob("secret/source", content);
  await client.pushImage("secret/source", "latest");
  await client.pushImage("public/image", "latest");
  policy.open = false;
  policy.rules.set("mine", ["pull", "push"]);
  policy.rules.set("readable", ["pull"]);
});
afterAll(() => server[Symbol.asyncDispose]());

/** Everything that a client sees of an answer, without what is random or repeats the client's own question. */
async function visible(response: Response, question: string) {
  const body = (await response.text()).replaceAll(question, "Q");
  const headers = Object.fromEntries(
    [...response.headers]
      .filter(([name]) => name !== "date")
      .map(([name, value]) => [
        name,
        value
          .replaceAll(question, "Q")
          .replace(/uploads\/.*/, "uploads/ID")
          .replace(/^[0-9a-f-]{32,36}$/, "ID"),
      ]),
  );
  return { status: response.status, headers, body };
}

describe("a repository that the caller may not use", () => {
  const requests = (name: string): readonly (readonly [string, string])[] => [
    ["GET", `/v2/${name}/tags/list`],
    ["GET", `/v2/${name}/manifests/latest`],
    ["HEAD", `/v2/${name}/manifests/latest`],
    ["PUT", `/v2/${name}/manifests/latest`],
    ["DELETE", `/v2/${name}/manifests/latest`],
    ["GET", `/v2/${name}/blobs/${secret}`],
    ["DELETE", `/v2/${name}/blobs/${secret}`],
    ["POST", `/v2/${name}/blobs/uploads/`],
    ["POST", `/v2/${name}/blobs/uploads/?mount=${secret}&from=mine`],
    ["GET", `/v2/${name}/blobs/uploads/some-id`],
    ["PATCH", `/v2/${name}/blobs/uploads/some-id`],
    ["PUT", `/v2/${name}/blobs/uploads/some-id?digest=${secret}`],
    ["DELETE", `/v2/${name}/blobs/uploads/some-id`],
    ["GET", `/v2/${name}/referrers/${secret}`],
  ];

  it("answers as one that does not exist, to every endpoint", async () => {
    const absent = requests("secret/absent");
    for (const [i, [method, path]] of requests("secret/source").entries()) {
      const there = await client.call(method, path);
      const missing = await client.call(method, absent[i]?.[1] as string);
      expect(there.status).toBe(401);
      expect(await visible(there, "secret/source")).toEqual(await visible(missing, "secret/absent"));
    }
  });

  it("is not in the catalog, which may be closed altogether", async () => {
    const closed = await client.call("GET", "/v2/_catalog");
    expect([closed.status, await errorCodes(closed)]).toEqual([401, ["UNAUTHORIZED"]]);
    policy.rules.set("_catalog", []);
    policy.rules.set("public/image", ["pull"]);
    const response = await client.call("GET", "/v2/_catalog?n=1");
    expect(await response.json()).toEqual({ repositories: ["public/image"] });
    expect(response.headers.get("link")).toBeNull();
  });

  it("may be readable but not writable", async () => {
    expect((await client.call("GET", "/v2/readable/tags/list")).status).toBe(404);
    expect((await client.call("POST", "/v2/readable/blobs/uploads/")).status).toBe(401);
    expect((await client.call("DELETE", `/v2/mine/blobs/${secret}`)).status).toBe(401);
  });
});

describe("a mount", () => {
  it("asks for the target and for the source", async () => {
    policy.asked.length = 0;
    await client.call("POST", `/v2/mine/blobs/uploads/?mount=${secret}&from=secret/source`);
    expect(policy.asked).toEqual(["push mine", "pull secret/source"]);
  });

  it("tells nothing of content that the caller may not read: with a source", async () => {
    const answers = [];
    for (const [digest, from] of [
      [secret, "secret/source"],
      [nowhere, "secret/source"],
      [secret, "secret/absent"],
      [nowhere, "readable"],
      [secret, "readable"],
    ]) {
      const response = await client.call("POST", `/v2/mine/blobs/uploads/?mount=${digest}&from=${from}`);
      answers.push(await visible(response, digest as string));
    }
    expect(answers[0]?.status).toBe(202);
    for (const answer of answers) expect(answer).toEqual(answers[0] as never);
  });

  it("tells nothing of content that the caller may not read: without a source", async () => {
    const answers = [];
    for (const digest of [secret, nowhere]) {
      const response = await client.call("POST", `/v2/mine/blobs/uploads/?mount=${digest}`);
      answers.push(await visible(response, digest));
    }
    expect(answers[0]?.status).toBe(202);
    expect(answers[0]).toEqual(answers[1] as never);
    expect((await client.call("HEAD", `/v2/mine/blobs/${secret}`)).status).toBe(404);
  });

  it("links what the caller may read, with and without a source, and needs no bytes", async () => {
    policy.rules.set("secret/source", ["pull"]);
    try {
      for (const query of [`mount=${secret}&from=secret/source`, `mount=${secret}`]) {
        const response = await client.call("POST", `/v2/mine/blobs/uploads/?${query}`);
        expect(response.status).toBe(201);
        expect(response.headers.get("location")).toBe(`/v2/mine/blobs/${secret}`);
        expect(response.headers.get("docker-content-digest")).toBe(secret);
        expect(await (await client.call("GET", `/v2/mine/blobs/${secret}`)).text()).toBe(content);
      }
    } finally {
      policy.rules.delete("secret/source");
    }
  });

  it.each(["from=UPPER/case", "from=..%2f..", "from=", "from=absent/repository"])(
    "from nowhere (%s) is an ordinary upload",
    async (from) => {
      const response = await client.call("POST", `/v2/mine/blobs/uploads/?mount=${nowhere}&${from}`);
      expect(response.status).toBe(202);
      const location = response.headers.get("location");
      const body = "content that is nowhere";
      expect((await client.call("PUT", `${location}&digest=${nowhere}`, { body })).status).toBe(201);
      policy.rules.set("mine", ["pull", "push", "delete"]);
      expect((await client.call("DELETE", `/v2/mine/blobs/${nowhere}`)).status).toBe(202);
    },
  );

  it("with an invalid digest is refused", async () => {
    const response = await client.call("POST", "/v2/mine/blobs/uploads/?mount=sha256:abc&from=readable");
    expect([response.status, await errorCodes(response)]).toEqual([400, ["DIGEST_INVALID"]]);
  });
});

describe("what a shared cache may keep", () => {
  async function cachingOf(path: string): Promise<readonly (string | null)[]> {
    const answers: (string | null)[] = [];
    for (const [method, headers] of [
      ["GET", {}],
      ["HEAD", {}],
      ["GET", { range: "bytes=0-1" }],
    ] as const) {
      policy.asked.length = 0;
      const response = await client.call(method, path, { headers });
      expect(response.ok).toBe(true);
      answers.push(response.headers.get("cache-control"));
    }
    return answers;
  }

  it.each([
    ["public, max-age=31536000, immutable", "no-cache", false],
    ["private, max-age=31536000, immutable", "private, no-cache", true],
  ])("is %s for content, and %s for a tag", async (content, tag, onlyOnce) => {
    policy.rules.set("public/image", ["pull"]);
    const { headers } = await client.call("HEAD", "/v2/public/image/manifests/latest");
    const manifest = headers.get("docker-content-digest");
    const { config } = (await (
      await client.call("GET", `/v2/public/image/manifests/${manifest}`)
    ).json()) as {
      config: { digest: string };
    };
    policy.onlyOnce = onlyOnce;
    try {
      expect(await cachingOf(`/v2/public/image/blobs/${config.digest}`)).toEqual([content, content, content]);
      expect(await cachingOf(`/v2/public/image/manifests/${manifest}`)).toEqual([content, content, content]);
      expect(await cachingOf("/v2/public/image/manifests/latest")).toEqual([tag, tag, tag]);
    } finally {
      policy.onlyOnce = false;
    }
  });
});
