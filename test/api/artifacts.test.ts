import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry();
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

async function expectRoundTrip(name: string, manifest: object) {
  const text = JSON.stringify(manifest);
  await client.pushManifest(name, text, "latest");
  const served = await client.call("GET", `/v2/${name}/manifests/latest`);
  expect(await served.text()).toBe(text);
  return digestOf(text);
}

const oci = { schemaVersion: 2, mediaType: MediaType.ociManifest };

describe("any artifact is stored as it came", () => {
  it.each([
    [
      "a Helm chart",
      "application/vnd.cncf.helm.config.v1+json",
      "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
    ],
    ["a cosign signature", MediaType.ociConfig, "application/vnd.dev.cosign.simplesigning.v1+json"],
    ["an attestation", MediaType.ociConfig, "application/vnd.dsse.envelope.v1+json"],
    ["a WASM module", "application/vnd.wasm.config.v0+json", "application/wasm"],
    ["a SPDX document", MediaType.ociConfig, "text/spdx+json"],
    ["a zstd layer", MediaType.ociConfig, "application/vnd.oci.image.layer.v1.tar+zstd"],
  ])("%s", async (_, configType, layerType) => {
    const name = `artifact/${layerType.replace(/[^a-z0-9]+/g, "-")}`;
    const config = await client.pushBlob(name, `{"of":"${layerType}"}`, configType);
    const layer = await client.pushBlob(name, `bytes of ${layerType}`, layerType);
    await expectRoundTrip(name, { ...oci, config, layers: [layer] });
  });

  it("one with the empty config, and the empty config as its layer", async () => {
    const empty = await client.pushBlob("artifact/empty", "{}", MediaType.ociEmpty);
    const manifest = {
      ...oci,
      artifactType: "application/vnd.example+json",
      config: { ...empty, data: "e30=" },
      layers: [empty],
    };
    await expectRoundTrip("artifact/empty", manifest);
  });

  it("one of the withdrawn artifact manifest", async () => {
    const blob = await client.pushBlob("artifact/old", "sbom", "application/spdx+json");
    const manifest = {
      mediaType: MediaType.ociArtifact,
      artifactType: "application/spdx+json",
      blobs: [blob],
    };
    await expectRoundTrip("artifact/old", manifest);
  });

  it("one without layers", async () => {
    const config = await client.pushBlob("artifact/no-layers", "{}", MediaType.ociEmpty);
    await expectRoundTrip("artifact/no-layers", { ...oci, config, layers: [] });
  });
});

describe("a layer that may not be distributed", () => {
  const size = 5;
  it.each([
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    MediaType.dockerForeignLayer,
  ])("need not be here: %s", async (mediaType) => {
    const config = await client.pushBlob("foreign", "{}", MediaType.ociConfig);
    const foreign = { mediaType, digest: digestOf(mediaType), size, urls: ["https://example.org/layer"] };
    await expectRoundTrip("foreign", { ...oci, config, layers: [foreign] });
  });

  it("is the only one that may be missing", async () => {
    const config = await client.pushBlob("foreign", "{}", MediaType.ociConfig);
    const layer = {
      mediaType: MediaType.ociLayerGzip,
      digest: digestOf("elsewhere"),
      size,
      urls: ["https://example.org"],
    };
    const response = await client.putManifest(
      "foreign",
      "bad",
      JSON.stringify({ ...oci, config, layers: [layer] }),
    );
    expect([response.status, await errorCodes(response)]).toEqual([400, ["MANIFEST_BLOB_UNKNOWN"]]);
  });
});

describe("an index", () => {
  const indexOf = (...manifests: readonly object[]) => ({
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests,
  });

  it("may be empty, and may hold images, artifacts and indexes", async () => {
    const empty = await client.pushManifest("index", indexOf());
    const image = await client.pushImage("index");
    const inner = await client.pushManifest("index", indexOf(image, empty));
    await expectRoundTrip(
      "index",
      indexOf(inner, { ...image, platform: { os: "linux", architecture: "amd64" } }),
    );
  });

  it("holds nothing that is not here, unless the configuration says that it may", async () => {
    const absent = { mediaType: MediaType.ociManifest, digest: digestOf("absent"), size: 6 };
    const text = JSON.stringify(indexOf(absent));
    const refused = await client.putManifest("index", "sparse", text, MediaType.ociIndex);
    expect([refused.status, await errorCodes(refused)]).toEqual([400, ["MANIFEST_BLOB_UNKNOWN"]]);
    await using sparse = await startRegistry({ registry: { sparseManifests: true } });
    const other = new RegistryClient(sparse);
    const digest = (await other.pushManifest("index", text, "sparse")).digest;
    expect((await other.call("GET", `/v2/index/manifests/${digest}`)).status).toBe(200);
    expect((await other.call("GET", `/v2/index/manifests/${absent.digest}`)).status).toBe(404);
  });

  it.each([MediaType.ociIndex, MediaType.dockerList])(
    "of the type %s may hold blobs, as BuildKit's registry cache does, and they must be here",
    async (mediaType) => {
      const name = "index/build-cache";
      const config = await client.pushBlob(name, "{}", "application/vnd.buildkit.cacheconfig.v0");
      const layers = [
        await client.pushBlob(name, `layer of ${mediaType}`),
        await client.pushBlob(name, "foreign", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
      ];
      const cache = { ...indexOf(...layers, config), mediaType };
      await expectRoundTrip(name, cache);
      // The same digest as a blob and as a manifest are two things.
      const image = await client.pushImage(name);
      const both = { ...indexOf(...layers, image, config), mediaType };
      await expectRoundTrip(name, both);

      const absent = { ...config, digest: digestOf("absent"), size: 6 };
      const elsewhere = await client.pushBlob("index/elsewhere", `elsewhere ${mediaType}`);
      const asLayer = { ...image, mediaType: MediaType.ociLayerGzip };
      for (const missing of [absent, elsewhere, asLayer, { ...config, mediaType: MediaType.ociManifest }]) {
        const text = JSON.stringify({ ...indexOf(...layers, missing), mediaType });
        const refused = await client.putManifest(name, "refused", text, mediaType);
        expect([refused.status, await errorCodes(refused)]).toEqual([400, ["MANIFEST_BLOB_UNKNOWN"]]);
      }
      const lying = JSON.stringify({ ...indexOf({ ...config, size: 3 }), mediaType });
      const refused = await client.putManifest(name, "refused", lying, mediaType);
      expect([refused.status, await errorCodes(refused)]).toEqual([400, ["SIZE_INVALID"]]);
    },
  );

  it("may give wrong sizes for its manifests only if the configuration says so", async () => {
    await using loose = await startRegistry({ registry: { looseListSizes: true } });
    for (const mediaType of [MediaType.ociIndex, MediaType.dockerList]) {
      const statuses: number[] = [];
      for (const each of [client, new RegistryClient(loose)]) {
        const image = await each.pushImage("index/sizes");
        const wrong = { ...indexOf({ ...image, size: image.size - 1 }), mediaType };
        const response = await each.putManifest("index/sizes", "v1", JSON.stringify(wrong), mediaType);
        statuses.push(response.status);
        if (response.status === 400) expect(await errorCodes(response)).toEqual(["SIZE_INVALID"]);
        const twice = indexOf(image, { ...image, size: image.size - 1 });
        const both = JSON.stringify({ ...twice, mediaType });
        statuses.push((await each.putManifest("index/sizes", "v2", both, mediaType)).status);
      }
      expect(statuses).toEqual([400, 400, 201, 400]);
    }
    const own = new RegistryClient(loose);
    const image = await own.makeImage("index/sizes");
    const wrong = { ...image, config: { ...image.config, size: 1 } };
    const response = await own.putManifest("index/sizes", "v3", JSON.stringify(wrong));
    expect([response.status, await errorCodes(response)]).toEqual([400, ["SIZE_INVALID"]]);
  });

  it("does not hold a blob as if it were a manifest, nor an image a manifest as a layer", async () => {
    const blob = await client.pushBlob("index/kinds", "blob", MediaType.ociManifest);
    const image = await client.pushImage("index/kinds");
    const index = await client.putManifest(
      "index/kinds",
      "bad",
      JSON.stringify(indexOf(blob)),
      MediaType.ociIndex,
    );
    expect(await errorCodes(index)).toEqual(["MANIFEST_BLOB_UNKNOWN"]);
    const layered = JSON.stringify({ ...(await client.makeImage("index/kinds")), layers: [image] });
    expect(await errorCodes(await client.putManifest("index/kinds", "bad", layered))).toEqual([
      "MANIFEST_BLOB_UNKNOWN",
    ]);
  });
});
