import { afterAll, beforeAll, expect, it } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { compose, type Slipway } from "../compose.ts";
import { ConfigSchema } from "../config/schema.ts";
import { createLogger } from "../log.ts";
import { algorithmOf, type Digest, digestOf, encodedOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import { parseTag } from "../oci/reference.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { writeOciLayout } from "./oci-layout.ts";

const REPOSITORY = parseRepositoryName("apt/curl");
const LATEST = parseTag("latest");

let folder: TemporaryFolder;
let slipway: Slipway;
beforeAll(async () => {
  folder = await temporaryFolder("oci-layout");
  const config = ConfigSchema.parse({
    data: join(folder.path, "data"),
    builder: { enabled: false },
    metadata: { reserveBytes: 0 },
    registry: { sparseManifests: true },
  });
  slipway = await compose(config, createLogger("error"));
});
afterAll(async () => {
  await slipway[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function pushBlob(content: string) {
  const blob = await slipway.images.ingest(new Blob([content]).stream());
  await slipway.images.link(REPOSITORY, [blob]);
  return { mediaType: MediaType.ociLayerGzip, ...blob };
}

/** Pushes a manifest as a client can; resolves to its descriptor. */
async function push(
  manifest: { readonly mediaType: string; readonly [member: string]: unknown },
  isTagged = false,
) {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...manifest }));
  const { mediaType } = manifest;
  const digest = await slipway.images.pushManifest(REPOSITORY, {
    mediaType,
    bytes,
    tags: isTagged ? [LATEST] : [],
  });
  return { mediaType, digest, size: bytes.byteLength };
}

/** Writes what is tagged; resolves to the digests in the layout, each checked against its content. */
async function written(): Promise<readonly Digest[]> {
  const layout = join(folder.path, crypto.randomUUID());
  await writeOciLayout(slipway.images, REPOSITORY, LATEST, layout);
  const found: Digest[] = [];
  for (const algorithm of await readdir(join(layout, "blobs"))) {
    for (const encoded of await readdir(join(layout, "blobs", algorithm))) {
      const digest = `${algorithm}:${encoded}` as Digest;
      const bytes = await readFile(join(layout, "blobs", algorithm, encoded));
      expect(encodedOf(digestOf(bytes, algorithmOf(digest)))).toBe(encoded);
      found.push(digest);
    }
  }
  return found.toSorted();
}

it("writes an index of images that a client pushed, with the images", async () => {
  const [config, layer] = [await pushBlob("{}"), await pushBlob("layer")];
  const image = await push({ mediaType: MediaType.ociManifest, config, layers: [layer] });
  const index = await push({ mediaType: MediaType.ociIndex, manifests: [image] }, true);
  expect(await written()).toEqual([config, layer, image, index].map(({ digest }) => digest).toSorted());
});

it("writes an index of blobs and of indexes, and images with null for their layers", async () => {
  const [config, layer] = [await pushBlob("{}"), await pushBlob("cached")];
  const image = await push({ mediaType: MediaType.ociManifest, config, layers: null });
  const cache = await push({ mediaType: MediaType.ociIndex, manifests: [layer] });
  const index = await push({ mediaType: MediaType.ociIndex, manifests: [image, cache] }, true);
  expect(await written()).toEqual(
    [config, layer, image, cache, index].map(({ digest }) => digest).toSorted(),
  );
});

it("leaves out layers that may be stored elsewhere", async () => {
  const config = await pushBlob("{}");
  const elsewhere = {
    ...{ mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" },
    ...{ digest: digestOf("elsewhere"), size: 9 },
  };
  const image = await push({ mediaType: MediaType.ociManifest, config, layers: [elsewhere] }, true);
  expect(await written()).toEqual([config, image].map(({ digest }) => digest).toSorted());
});

it("says what is missing of an image or an index", async () => {
  const config = await pushBlob("{}");
  const absent = { mediaType: MediaType.ociLayerGzip, digest: digestOf("absent"), size: 6 };
  await push({ mediaType: MediaType.ociManifest, config, layers: [absent] }, true);
  await expect(written()).rejects.toThrow("a blob of the image is missing");
  const image = { ...absent, mediaType: MediaType.ociManifest };
  await push({ mediaType: MediaType.ociIndex, manifests: [image] }, true);
  await expect(written()).rejects.toThrow("a manifest of the index is missing");
});
