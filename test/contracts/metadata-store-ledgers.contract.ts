import { expect } from "bun:test";
import type { BuiltImage, CachedLayer } from "../../src/metadata/ports/build-ledger.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  ELSEWHERE,
  pushSample,
  REPOSITORY,
  sampleDigest,
  tagName,
  uploadId,
} from "./metadata-store-samples.ts";

/** Tests of every {@link UploadLedger} and {@link BuildLedger}. */
export const LEDGER_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "finds an upload session in its own repository until it is removed",
    async run({ store, other }) {
      const upload = { id: uploadId("u-1"), repository: REPOSITORY, startedAt: new Date(1_700_000_000_123) };
      await store.addUpload(upload);
      expect(await other.findUpload(REPOSITORY, upload.id)).toEqual(upload);
      expect(await store.findUpload(ELSEWHERE, upload.id)).toBeUndefined();
      expect(await other.removeUpload(upload.id)).toBe(true);
      expect(await store.removeUpload(upload.id)).toBe(false);
      expect(await store.findUpload(REPOSITORY, upload.id)).toBeUndefined();
    },
  },
  {
    name: "ends an upload session and links its blob in one step, once, and in its own repository",
    async run({ store, other }) {
      const id = uploadId("u-1");
      const blob = { digest: sampleDigest("blob"), size: 7 };
      const upload = { id, repository: REPOSITORY, blob, digests: [blob.digest, sampleDigest("name")] };
      expect(await store.finishUpload(upload)).toBe(false);
      await store.addUpload({ id, repository: REPOSITORY, startedAt: new Date() });
      expect(await store.finishUpload({ ...upload, repository: ELSEWHERE })).toBe(false);
      expect(await other.findUpload(REPOSITORY, id)).toBeDefined();
      expect(await store.findLinkedBlob(ELSEWHERE, blob.digest)).toBeUndefined();
      expect(await store.findLinkedBlob(REPOSITORY, blob.digest)).toBeUndefined();
      expect(await store.finishUpload(upload)).toBe(true);
      expect(await other.findUpload(REPOSITORY, id)).toBeUndefined();
      for (const digest of upload.digests) {
        expect(await other.findLinkedBlob(REPOSITORY, digest)).toEqual(blob);
      }
      expect(await other.finishUpload(upload)).toBe(false);
    },
  },
  {
    name: "lets exactly one of a finish and a removal at the same time succeed",
    async run({ store, other }) {
      for (let round = 0; round < 25; round += 1) {
        const id = uploadId(`u-${round}`);
        const blob = { digest: sampleDigest(`blob ${round}`), size: 7 };
        await store.addUpload({ id, repository: REPOSITORY, startedAt: new Date() });
        const [isFinished, isRemoved] = await Promise.all([
          store.finishUpload({ id, repository: REPOSITORY, blob, digests: [blob.digest] }),
          other.removeUpload(id),
        ]);
        expect(isFinished).toBe(!isRemoved);
        expect(await store.findLinkedBlob(REPOSITORY, blob.digest)).toEqual(isFinished ? blob : undefined);
      }
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
    name: "tells which of any number of blobs and uploads it remembers, and how many sessions are old",
    async run({ store, other }) {
      const digests = Array.from({ length: 70 }, (_, index) => sampleDigest(`blob ${index}`));
      const ids = Array.from({ length: 70 }, (_, index) => uploadId(`u-${index}`));
      for (const index of [0, 31, 32, 69]) {
        const digest = digests[index] as (typeof digests)[number];
        await store.linkBlob(REPOSITORY, { digest, size: 1 }, [digest]);
        const startedAt = new Date(Date.UTC(2020, 0, 1, 0, 0, index));
        await store.addUpload({ id: ids[index] as (typeof ids)[number], repository: REPOSITORY, startedAt });
      }
      const at = (index: number) => [String(digests[index]), String(ids[index])];
      const [blobs, uploads] = [await other.findBlobs(digests), await other.findUploads(ids)];
      expect([...blobs, ...uploads].map(String).sort()).toEqual([0, 31, 32, 69].flatMap(at).sort());
      expect([...(await store.findBlobs([])), ...(await store.findUploads([]))]).toEqual([]);
      expect(await store.countUploads(new Date(Date.UTC(2020, 0, 1, 0, 0, 32)))).toBe(2);
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
    name: "remembers facts of sources by kind and key: the first stays, unless another is put in its place",
    async run({ store, other }) {
      const numbered = Array.from({ length: 70 }, (_, index) => [`key ${index}`, `fact ${index}`] as const);
      await Promise.all([
        store.addFacts("a", new Map(numbered)),
        other.addFacts("a", new Map(numbered.toReversed())),
      ]);
      await other.addFacts("a", new Map([["key 0", "later"]]));
      await other.addFacts("b", new Map([["key 1", "of another kind"]]));
      expect(await store.findFacts("a", ["absent", ...numbered.map(([key]) => key)])).toEqual(
        new Map(numbered),
      );
      await store.putFacts("a", new Map([["key 0", "instead"]]));
      expect(await other.findFacts("a", ["key 0", "key 1"])).toEqual(
        new Map([
          ["key 0", "instead"],
          ["key 1", "fact 1"],
        ]),
      );
      expect(await other.findFacts("b", ["key 0", "key 1"])).toEqual(new Map([["key 1", "of another kind"]]));
      await store.addFacts("a", new Map());
      expect(await store.findFacts("a", [])).toEqual(new Map());
    },
  },
  {
    name: "forgets the facts of a kind that were written before a time, and no others",
    async run({ store, other }) {
      for (const kind of ["a", "b"]) await store.addFacts(kind, new Map([["key", kind]]));
      await other.forgetFacts("a", new Date(Date.UTC(2000, 0)));
      expect((await store.findFacts("a", ["key"])).size).toBe(1);
      await other.forgetFacts("a", new Date(Date.UTC(9000, 0)));
      expect((await store.findFacts("a", ["key"])).size).toBe(0);
      expect((await store.findFacts("b", ["key"])).size).toBe(1);
    },
  },
  {
    name: "finds an image by name and by lock, as it was published last, under its tag",
    async run({ store, other }) {
      const image = await sampleImage(store, "lock a");
      expect(await store.publishBuiltImage(image, undefined)).toBe(true);
      expect(await other.findBuiltImage(REPOSITORY, image.tag)).toEqual(image);
      expect(await store.findBuiltImage(ELSEWHERE, image.tag)).toBeUndefined();
      expect(await store.findImageByLock(image.lockDigest)).toEqual(image);
      expect((await other.findManifest(REPOSITORY, image.tag))?.digest).toBe(image.manifestDigest);
      const rebuilt = await sampleImage(store, "lock b");
      expect(await other.publishBuiltImage(rebuilt, image.manifestDigest)).toBe(true);
      expect(await store.findBuiltImage(REPOSITORY, image.tag)).toEqual(rebuilt);
      expect(await store.findImageByLock(image.lockDigest)).toBeUndefined();
      expect(await store.findImageByLock(rebuilt.lockDigest)).toEqual(rebuilt);
      expect((await store.findManifest(REPOSITORY, image.tag))?.digest).toBe(rebuilt.manifestDigest);
    },
  },
  {
    name: "publishes no image in the place of another than was expected, nor one that is not stored",
    async run({ store }) {
      const image = await sampleImage(store, "lock a");
      expect(await store.publishBuiltImage(image, sampleDigest("something"))).toBe(false);
      expect(await store.publishBuiltImage({ ...image, repository: ELSEWHERE }, undefined)).toBe(false);
      const absent = { ...image, manifestDigest: sampleDigest("not stored") };
      expect(await store.publishBuiltImage(absent, undefined)).toBe(false);
      expect(await store.findManifest(REPOSITORY, image.tag)).toBeUndefined();
      const pushed = await pushSample(store, "pushed", [image.tag]);
      expect(await store.publishBuiltImage(image, undefined)).toBe(false);
      expect(await store.publishBuiltImage(image, image.manifestDigest)).toBe(false);
      expect((await store.findManifest(REPOSITORY, image.tag))?.digest).toBe(pushed.digest);
      expect(await store.findBuiltImage(REPOSITORY, image.tag)).toBeUndefined();
      expect(await store.findBuiltImage(ELSEWHERE, image.tag)).toBeUndefined();
    },
  },
  {
    name: "never publishes an image over what is pushed, or in place of what is deleted, at the very same time",
    async run({ store, other }) {
      const image = await sampleImage(store, "lock a");
      const { tag } = image;
      for (let round = 0; round < 25; round += 1) {
        const [published, pushed] = await Promise.all([
          store.publishBuiltImage(image, undefined),
          pushSample(other, `pushed ${round}`, [tag]),
        ]);
        expect((await store.findManifest(REPOSITORY, tag))?.digest).toBe(pushed.digest);
        if (round === 0) expect((await store.findBuiltImage(REPOSITORY, tag)) !== undefined).toBe(published);
        await Promise.all([store.publishBuiltImage(image, pushed.digest), other.deleteTag(REPOSITORY, tag)]);
        expect(await store.findManifest(REPOSITORY, tag)).toBeUndefined();
      }
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

/** An image whose manifest is stored, without a tag. */
async function sampleImage(store: MetadataStore, lock: string): Promise<BuiltImage> {
  const { digest } = await pushSample(store, lock);
  return {
    repository: REPOSITORY,
    tag: tagName("latest"),
    manifestDigest: digest,
    lockDigest: sampleDigest(lock),
    resolvedAt: new Date(1_700_000_000_456),
  };
}
