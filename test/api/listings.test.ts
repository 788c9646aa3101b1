import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

describe("the base", () => {
  it("confirms that the API is implemented", async () => {
    await using server = await startRegistry();
    const response = await new RegistryClient(server).call("GET", "/v2/");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("content-length")).toBe("2");
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
    expect(await response.text()).toBe("{}");
  });
});

describe("the catalog", () => {
  let server: RegistryServer;
  let client: RegistryClient;
  const names = ["a", "b", "c", "d", "e", "f"].map((letter) => `foo/${letter.repeat(4)}`);

  beforeAll(async () => {
    server = await startRegistry({ http: { catalogPageSize: 5 } });
    client = new RegistryClient(server);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function catalog(query: string) {
    const response = await client.call("GET", `/v2/_catalog${query}`);
    const { repositories } = (await response.json()) as { repositories: string[] };
    return { repositories, link: response.headers.get("link") };
  }

  it("is empty at first, and lists no repository that holds only blobs", async () => {
    await client.pushBlob("only/blobs", "x");
    expect(await catalog("")).toEqual({ repositories: [], link: null });
  });

  it("is paged, and its Link leads through all of it", async () => {
    for (const name of names) await client.pushImage(name, "latest");
    const first = await catalog("");
    expect(first.repositories).toEqual(names.slice(0, 5));
    expect(first.link).toBe('</v2/_catalog?last=foo%2Feeee&n=5>; rel="next"');
    expect(await catalog("?last=foo%2Feeee&n=5")).toEqual({ repositories: names.slice(5), link: null });
    expect((await catalog("?n=5&last=")).repositories).toEqual(names.slice(0, 5));
    expect((await catalog("?n=4")).repositories).toEqual(names.slice(0, 4));
    expect((await catalog("?n=4&last=foo/dddd")).repositories).toEqual(names.slice(4));
    expect(await catalog("?n=0")).toEqual({ repositories: [], link: null });
  });

  it.each(["6", "15", "99999999999999999999"])("takes n=%s as the largest page there is", async (n) => {
    expect(await catalog(`?n=${n}`)).toEqual(await catalog("?n=5"));
  });

  it.each(["-1", "x", "1.5", "1e3"])("refuses n=%s", async (n) => {
    const response = await client.call("GET", `/v2/_catalog?n=${n}`);
    expect(response.status).toBe(400);
    expect(await errorCodes(response)).toEqual(["PAGINATION_NUMBER_INVALID"]);
  });
});

describe("the tags of a repository", () => {
  let server: RegistryServer;
  let client: RegistryClient;
  const tags = ["2j2ar", "asj9e", "jyi7b", "kb0j5", "sb71y"];

  beforeAll(async () => {
    server = await startRegistry();
    client = new RegistryClient(server);
    const image = JSON.stringify(await client.makeImage("test"));
    for (const tag of tags.toReversed()) await client.putManifest("test", tag, image);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const link = (last: string, n: number) => `</v2/test/tags/list?last=${last}&n=${n}>; rel="next"`;

  // A full last page has no Link here; Distribution sends one (docs/compatibility.md).
  it.each([
    ["", tags, null],
    ["?last=", tags, null],
    ["?n=", tags, null],
    ["?last=&n=", tags, null],
    ["?n=0", [], null],
    ["?n=2", tags.slice(0, 2), link("asj9e", 2)],
    ["?last=asj9e&n=1", ["jyi7b"], link("jyi7b", 1)],
    ["?last=jyi7b&n=3", tags.slice(3), null],
    ["?last=sb71y&n=1", [], null],
    ["?n=100", tags, null],
    ["?last=jyi7b", tags.slice(3), null],
    ["?last=does-not-exist&n=3", tags.slice(2), null],
  ])("answers %j in byte order", async (query, expected, next) => {
    const response = await client.call("GET", `/v2/test/tags/list${query}`);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ name: "test", tags: expected });
    expect(response.headers.get("link")).toBe(next);
  });

  it.each(["n=-1", "n=foo"])("refuses %s", async (query) => {
    const response = await client.call("GET", `/v2/test/tags/list?${query}`);
    expect(response.status).toBe(400);
    expect(await errorCodes(response)).toEqual(["PAGINATION_NUMBER_INVALID"]);
  });

  it("refuses a NUL, which no database would take", async () => {
    for (const path of [
      "test/tags/list?last=a%00b",
      `test/referrers/sha256:${"0".repeat(64)}?artifactType=%00`,
    ]) {
      expect((await client.call("GET", `/v2/${path}`)).status).toBe(400);
    }
  });

  it("are unknown of a repository that holds no manifest", async () => {
    const response = await client.call("GET", "/v2/nobody/tags/list");
    expect(response.status).toBe(404);
    expect(await errorCodes(response)).toEqual(["NAME_UNKNOWN"]);
  });

  it("are cut to the maximum page size instead of refused", async () => {
    await using small = await startRegistry({ http: { tagPageSize: 2 } });
    const other = new RegistryClient(small);
    const image = JSON.stringify(await other.makeImage("test"));
    for (const tag of tags) await other.putManifest("test", tag, image);
    const response = await other.call("GET", "/v2/test/tags/list?n=100");
    expect(await response.json()).toEqual({ name: "test", tags: tags.slice(0, 2) });
    expect(response.headers.get("link")).toBe(link("asj9e", 2));
  });
});
