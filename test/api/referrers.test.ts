import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { referrersTag } from "../../src/oci/referrers-tag.ts";
import { RegistryClient, type TestDescriptor } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

async function referrers(name: string, subject: string, query = "") {
  const response = await client.call("GET", `/v2/${name}/referrers/${subject}${query}`);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe(MediaType.ociIndex);
  const index = (await response.json()) as {
    schemaVersion: number;
    mediaType: string;
    manifests: TestDescriptor[];
  };
  expect([index.schemaVersion, index.mediaType]).toEqual([2, MediaType.ociIndex]);
  return {
    manifests: index.manifests,
    link: response.headers.get("link"),
    filters: response.headers.get("oci-filters-applied"),
  };
}

describe("the referrers of a subject", () => {
  it("are empty for an unknown subject or repository", async () => {
    expect((await referrers("nobody", digestOf("x"))).manifests).toEqual([]);
  });

  it("are refused for an invalid digest", async () => {
    expect((await client.call("GET", "/v2/nobody/referrers/latest")).status).toBe(400);
    expect((await client.call("GET", "/v2/nobody/referrers/sha256:ab")).status).toBe(400);
  });

  it("are recorded before their subject is there, and the push says so", async () => {
    const subject = { mediaType: MediaType.ociManifest, digest: digestOf("missing"), size: 7 };
    const image = { ...(await client.makeImage("ref/missing")), subject };
    const response = await client.putManifest("ref/missing", "sbom", JSON.stringify(image));
    expect(response.status).toBe(201);
    expect(response.headers.get("oci-subject")).toBe(subject.digest);
    const { manifests } = await referrers("ref/missing", subject.digest);
    expect(manifests.map(({ digest }) => digest)).toEqual([digestOf(JSON.stringify(image))]);
    expect((await referrers("ref/elsewhere", subject.digest)).manifests).toEqual([]);
  });

  it("have the artifact type of the manifest, else of its config, and its annotations", async () => {
    const subject = await client.pushImage("ref/types", "latest");
    const typed = await client.pushImage("ref/types", undefined, {
      subject,
      artifactType: "application/spdx+json",
      annotations: { "org.example.key": "value" },
    });
    const untyped = await client.pushImage("ref/types", undefined, { subject });
    const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], subject };
    const bare = await client.pushManifest("ref/types", index);
    const artifact = await client.pushManifest("ref/types", {
      mediaType: MediaType.ociArtifact,
      artifactType: "application/old",
      subject,
    });
    const expected = [
      { ...typed, artifactType: "application/spdx+json", annotations: { "org.example.key": "value" } },
      { ...untyped, artifactType: MediaType.ociConfig },
      bare,
      { ...artifact, artifactType: "application/old" },
    ];
    expect((await referrers("ref/types", subject.digest)).manifests).toEqual(expected as never);
  });

  it("are filtered, paged, and gone with their manifest", async () => {
    const name = "ref/pages";
    const subject = await client.pushImage(name, "latest");
    const pushed: TestDescriptor[] = [];
    for (let i = 0; i < 5; i++) {
      const artifactType = i % 2 === 0 ? "application/even" : "application/odd";
      pushed.push(await client.pushImage(name, undefined, { subject, artifactType }));
    }
    const all = pushed.map(({ digest }) => digest);
    expect((await referrers(name, subject.digest)).filters).toBeNull();
    const even = await referrers(name, subject.digest, "?artifactType=application%2Feven");
    expect(even.manifests).toHaveLength(3);
    expect(even.filters).toBe("artifactType");
    const seen: Digest[] = [];
    for (let query: string | undefined = "?n=2"; query !== undefined; ) {
      const { manifests, link } = await referrers(name, subject.digest, query);
      expect(manifests.length).toBeLessThanOrEqual(2);
      seen.push(...manifests.map(({ digest }) => digest));
      query = link === null ? undefined : /<[^?]*(\?[^>]*)>/.exec(link)?.[1];
    }
    expect(seen).toEqual(all);
    const filtered = await referrers(name, subject.digest, "?n=2&artifactType=application%2Feven");
    expect(filtered.link).toContain("artifactType=application%2Feven");
    await client.call("DELETE", `/v2/${name}/manifests/${all[0]}`);
    expect((await referrers(name, subject.digest)).manifests.map(({ digest }) => digest)).toEqual(
      all.slice(1),
    );
  });
});

describe("an artifact type", () => {
  it("is found although the client did not encode its plus sign, or a proxy made it a space", async () => {
    const name = "ref/plus";
    const subject = await client.pushImage(name, "latest");
    const types = ["application/spdx+json", "application/vnd.example+json; version=1"];
    const pushed: TestDescriptor[] = [];
    for (const artifactType of types)
      pushed.push(await client.pushImage(name, undefined, { subject, artifactType }));
    for (const [text, index] of [
      ["application/spdx+json", 0],
      ["application/spdx%2Bjson", 0],
      ["application%2Fspdx%20json", 0],
      ["application/vnd.example+json;+version=1", 1],
      ["application/vnd.example%2Bjson%3B%20version%3D1", 1],
    ] as const) {
      const { manifests, filters } = await referrers(name, subject.digest, `?artifactType=${text}`);
      expect(manifests).toEqual([{ ...(pushed[index] as TestDescriptor), artifactType: types[index] }]);
      expect(filters).toBe("artifactType");
    }
    const first = await referrers(name, subject.digest, "?n=1&artifactType=application/spdx+json");
    expect(first.manifests).toHaveLength(1);
  });
});

describe("a page of referrers", () => {
  it("begins after an entry that is gone, and is refused for one that never was", async () => {
    const name = "ref/cursor";
    const subject = await client.pushImage(name, "latest");
    const pushed: string[] = [];
    for (let i = 0; i < 4; i++) pushed.push((await client.pushImage(name, undefined, { subject })).digest);
    const { link } = await referrers(name, subject.digest, "?n=2");
    await client.call("DELETE", `/v2/${name}/manifests/${pushed[1]}`);
    const next = /<[^?]*(\?[^>]*)>/.exec(link ?? "")?.[1];
    const rest = await referrers(name, subject.digest, next);
    expect(rest.manifests.map(({ digest }) => digest as string)).toEqual(pushed.slice(2));
    for (const last of ["x", "5", "5-", "5-x", `-5-${subject.digest}`, `1e3-${subject.digest}`]) {
      const response = await client.call("GET", `/v2/${name}/referrers/${subject.digest}?last=${last}`);
      expect([last, response.status]).toEqual([last, 400]);
    }
  });
});

describe("the annotations of a referrer", () => {
  it("are limited, and those of other manifests are not", async () => {
    const name = "ref/annotations";
    const subject = await client.pushImage(name, "latest");
    const image = await client.makeImage(name);
    const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [] };
    const frame = '{"note":""}'.length;
    for (const manifest of [image, index]) {
      const push = (length: number, more: object) => {
        const annotations = { note: "x".repeat(length - frame) };
        const text = JSON.stringify({ ...manifest, ...more, annotations });
        return client.putManifest(name, "note", text, manifest.mediaType);
      };
      expect((await push(8192, { subject })).status).toBe(201);
      const refused = await push(8193, { subject });
      expect(refused.status).toBe(400);
      expect(await refused.json()).toEqual({
        errors: [
          {
            code: "MANIFEST_INVALID",
            message: "the annotations of a manifest with a subject may have at most 8192 bytes",
            detail: { bytes: 8193, limit: 8192 },
          },
        ],
      });
      expect((await push(100_000, {})).status).toBe(201);
    }
  });

  const annotations = '{"__proto__":"a","constructor":"b","toString":"c"}';

  it("are all listed, whatever they are called, from the fallback tag too", async () => {
    const name = "ref/names";
    const subject = await client.pushImage(name, "latest");
    const push = (more: object) =>
      client.pushManifest(
        name,
        JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], ...more }).replace(
          '"ANNOTATIONS"',
          annotations,
        ),
      );
    await push({ annotations: "ANNOTATIONS", subject });
    const untold = await push({ annotations: "ANNOTATIONS" });
    const tag = referrersTag(subject.digest);
    await client.pushManifest(
      name,
      { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [untold] },
      tag,
    );
    const response = await client.call("GET", `/v2/${name}/referrers/${subject.digest}`);
    const parts = (await response.text()).split(annotations);
    expect(parts).toHaveLength(3);
  });
});

describe("what older clients recorded in the fallback tag", () => {
  const name = "ref/fallback";
  const artifactType = "application/vnd.example.signature";

  it("is listed once, beside what the registry itself knows, and the tag stays as it is", async () => {
    const subject = await client.pushImage(name, "latest");
    const tag = referrersTag(subject.digest);
    const told = await client.pushImage(name, undefined, { subject, artifactType });
    const untold = await client.pushImage(name, undefined, {
      artifactType,
      annotations: { by: "an old client" },
    });
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [told, untold, untold],
    });
    expect((await client.putManifest(name, tag, text, MediaType.ociIndex)).status).toBe(201);
    const expected = [
      { ...told, artifactType },
      { ...untold, artifactType, annotations: { by: "an old client" } },
    ];
    expect((await referrers(name, subject.digest)).manifests).toEqual(expected as never);
    const filter = `?artifactType=${encodeURIComponent(artifactType)}`;
    expect((await referrers(name, subject.digest, filter)).manifests).toEqual(expected as never);
    expect((await referrers(name, subject.digest, "?artifactType=other")).manifests).toEqual([]);
    const first = await referrers(name, subject.digest, "?n=1");
    expect(first.manifests).toEqual(expected.slice(0, 1) as never);
    const next = /<[^?]*(\?[^>]*)>/.exec(first.link ?? "")?.[1];
    const second = await referrers(name, subject.digest, next);
    expect(second).toMatchObject({ manifests: expected.slice(1), link: null });
    const served = await client.call("GET", `/v2/${name}/manifests/${tag}`);
    expect(await served.text()).toBe(text);
    await client.call("DELETE", `/v2/${name}/manifests/${untold.digest}`);
    expect((await referrers(name, subject.digest)).manifests).toEqual([{ ...told, artifactType }] as never);
  });

  it("does no harm when it is an image", async () => {
    const subject = await client.pushImage("ref/image-tag", "latest");
    await client.pushImage("ref/image-tag", referrersTag(subject.digest));
    expect((await referrers("ref/image-tag", subject.digest)).manifests).toEqual([]);
  });

  it("has a tag cut to 64 characters for sha512", () => {
    const subject = digestOf("x", "sha512");
    expect(referrersTag(subject) as string).toBe(`sha512-${subject.slice(7, 71)}`);
  });
});
