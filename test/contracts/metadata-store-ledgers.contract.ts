import { expect } from "bun:test";
import type { BuiltImage, CachedLayer } from "../../src/metadata/metadata-store.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import { ELSEWHERE, REPOSITORY, sampleDigest, tagName, uploadId } from "./metadata-store-samples.ts";

/** What every {@link UploadLedger} and {@link BuildLedger} does. */
export const LEDGER_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "finds an upload session in its own repository until it is removed",
    async run({ store, other }) {
      const upload = { id: uploadId("u-1"), repository: REPOSITORY, startedAt: new Date(1_700_000_000_123) };
      await store.addUpload(upload);
      expect(await other.findUpload(REPOSITORY, upload.id)).toEqual(upload);
      expect(await store.findUpload(ELSEWHERE, upload.id)).toBeUndefined();
      await other.removeUpload(upload.id);
      await store.removeUpload(upload.id);
      expect(await store.findUpload(REPOSITORY, upload.id)).toBeUndefined();
    },
  },
  {
    name: "lists the upload sessions begun before a time, the oldest first",
    async run({ store }) {
      const uploads = [0, 1, 2, 3].map((day) => ({
        id: uploadId(`u-${9 - day}`),
        repository: REPOSITORY,
        startedAt: new Date(Date.UTC(2020, 0, 1 + day)),
      }));
      for (const upload of uploads.toReversed()) await store.addUpload(upload);
      const before = new Date(Date.UTC(2020, 0, 4));
      expect(await store.listStaleUploads(before, 100)).toEqual(uploads.slice(0, 3));
      expect(await store.listStaleUploads(before, 2)).toEqual(uploads.slice(0, 2));
    },
  },
  {
    name: "finds cached layers among any number of keys, and keeps the first entry of a key",
    async run({ store }) {
      const layers = Array.from({ length: 70 }, (_, index) => sampleLayer(`key ${index}`));
      for (const layer of layers) await store.putLayer(layer);
      await store.putLayer({ ...sampleLayer("key 0"), facts: "later" });
      const keys = layers.map((layer) => layer.key);
      const found = await store.findLayers(["absent", ...keys, "key 1"]);
      expect(found).toEqual(new Map(layers.map((layer) => [layer.key, layer])));
      expect(await store.findLayers([])).toEqual(new Map());
    },
  },
  {
    name: "finds an image by name and by lock, as it was built last",
    async run({ store }) {
      const image = sampleImage("lock a");
      await store.putBuiltImage(image);
      expect(await store.findBuiltImage(REPOSITORY, image.tag)).toEqual(image);
      expect(await store.findBuiltImage(ELSEWHERE, image.tag)).toBeUndefined();
      expect(await store.findImageByLock(image.lockDigest)).toEqual(image);
      const rebuilt = sampleImage("lock b");
      await store.putBuiltImage(rebuilt);
      expect(await store.findBuiltImage(REPOSITORY, image.tag)).toEqual(rebuilt);
      expect(await store.findImageByLock(image.lockDigest)).toBeUndefined();
      expect(await store.findImageByLock(rebuilt.lockDigest)).toEqual(rebuilt);
    },
  },
];

function sampleLayer(key: string): CachedLayer {
  const descriptor = {
    mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
    digest: sampleDigest(key),
    size: 12_345_678_901,
    annotations: { "org.example.key": key },
  };
  return { key, descriptor, diffId: sampleDigest(`tar ${key}`), facts: `{"key":"${key}"}` };
}

function sampleImage(lock: string): BuiltImage {
  return {
    repository: REPOSITORY,
    tag: tagName("latest"),
    manifestDigest: sampleDigest(`manifest ${lock}`),
    lockDigest: sampleDigest(lock),
    resolvedAt: new Date(1_700_000_000_456),
  };
}
