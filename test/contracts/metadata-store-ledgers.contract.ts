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
      await store.uploads.addUpload(upload);
      expect(await other.uploads.findUpload(REPOSITORY, upload.id)).toEqual(upload);
      expect(await store.uploads.findUpload(ELSEWHERE, upload.id)).toBeUndefined();
      expect(await other.uploads.removeUpload(upload.id)).toBe(true);
      expect(await store.uploads.removeUpload(upload.id)).toBe(false);
      expect(await store.uploads.findUpload(REPOSITORY, upload.id)).toBeUndefined();
    },
  },
  {
    name: "ends an upload session and links its blob in one step, once, and only in its repository",
    async run({ store, other }) {
      const id = uploadId("u-1");
      const blob = { digest: sampleDigest("blob"), size: 7 };
      const upload = { id, repository: REPOSITORY, blob, digests: [blob.digest, sampleDigest("name")] };
      expect(await store.uploads.finishUpload(upload)).toBe(false);
      await store.uploads.addUpload({ id, repository: REPOSITORY, startedAt: new Date() });
      expect(await store.uploads.finishUpload({ ...upload, repository: ELSEWHERE })).toBe(false);
      expect(await other.uploads.findUpload(REPOSITORY, id)).toBeDefined();
      expect(await store.links.findLinkedBlob(ELSEWHERE, blob.digest)).toBeUndefined();
      expect(await store.links.findLinkedBlob(REPOSITORY, blob.digest)).toBeUndefined();
      expect(await store.uploads.finishUpload(upload)).toBe(true);
      expect(await other.uploads.findUpload(REPOSITORY, id)).toBeUndefined();
      for (const digest of upload.digests) {
        expect(await other.links.findLinkedBlob(REPOSITORY, digest)).toEqual(blob);
      }
      expect(await other.uploads.finishUpload(upload)).toBe(false);
    },
  },
  {
    name: "keeps what an upload becomes, once it is sealed in its own repository",
    async run({ store, other }) {
      const upload = { id: uploadId("u-1"), repository: REPOSITORY, startedAt: new Date(1_700_000_000_123) };
      const sealed = {
        blob: { digest: sampleDigest("blob"), size: 7 },
        digest: sampleDigest("name", "sha512"),
      };
      const seal = { ...sealed, id: upload.id, repository: REPOSITORY };
      expect(await store.uploads.sealUpload(seal)).toBe(false);
      await store.uploads.addUpload(upload);
      expect(await store.uploads.sealUpload({ ...seal, repository: ELSEWHERE })).toBe(false);
      expect(await other.uploads.findUpload(REPOSITORY, upload.id)).toEqual(upload);
      expect(await store.uploads.sealUpload(seal)).toBe(true);
      expect(await other.uploads.findUpload(REPOSITORY, upload.id)).toEqual({ ...upload, sealed });
    },
  },
  {
    name: "finds the blob of an upload that was finished, under each of its digests",
    async run({ store, other }) {
      const id = uploadId("u-1");
      const blob = { digest: sampleDigest("blob"), size: 7 };
      const digests = [blob.digest, sampleDigest("blob", "sha512")];
      await store.uploads.addUpload({ id, repository: REPOSITORY, startedAt: new Date() });
      expect(await store.uploads.findFinished(REPOSITORY, blob.digest)).toBeUndefined();
      await store.uploads.finishUpload({ id, repository: REPOSITORY, blob, digests });
      for (const digest of digests)
        expect(await other.uploads.findFinished(REPOSITORY, digest)).toEqual(blob);
      expect(await store.uploads.findFinished(ELSEWHERE, blob.digest)).toBeUndefined();
    },
  },
  {
    name: "lets exactly one of a finish and a removal at the same time succeed",
    async run({ store, other }) {
      for (let round = 0; round < 25; round += 1) {
        const id = uploadId(`u-${round}`);
        const blob = { digest: sampleDigest(`blob ${round}`), size: 7 };
        await store.uploads.addUpload({ id, repository: REPOSITORY, startedAt: new Date() });
        const [isFinished, isRemoved] = await Promise.all([
          store.uploads.finishUpload({ id, repository: REPOSITORY, blob, digests: [blob.digest] }),
          other.uploads.removeUpload(id),
        ]);
        expect(isFinished).toBe(!isRemoved);
        expect(await store.links.findLinkedBlob(REPOSITORY, blob.digest)).toEqual(
          isFinished ? blob : undefined,
        );
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
      for (const upload of uploads.toReversed()) await store.uploads.addUpload(upload);
      const before = new Date(Date.UTC(2020, 0, 4));
      expect(await store.uploads.listStaleUploads(before, 100)).toEqual(uploads.slice(0, 3));
      expect(await store.uploads.listStaleUploads(before, 2)).toEqual(uploads.slice(0, 2));
      expect(await store.uploads.listStaleUploads(before, 2, uploads[1])).toEqual(uploads.slice(2, 3));
    },
  },
  {
    name: "finds the recorded ones among any number of blobs and uploads, and counts old sessions",
    async run({ store, other }) {
      const digests = Array.from({ length: 70 }, (_, index) => sampleDigest(`blob ${index}`));
      const ids = Array.from({ length: 70 }, (_, index) => uploadId(`u-${index}`));
      for (const index of [0, 31, 32, 69]) {
        const digest = digests[index] as (typeof digests)[number];
        await store.links.linkBlob(REPOSITORY, { digest, size: 1 }, [digest]);
        const startedAt = new Date(Date.UTC(2020, 0, 1, 0, 0, index));
        await store.uploads.addUpload({
          id: ids[index] as (typeof ids)[number],
          repository: REPOSITORY,
          startedAt,
        });
      }
      const at = (index: number) => [String(digests[index]), String(ids[index])];
      const [blobs, uploads] = [await other.content.findBlobs(digests), await other.content.findUploads(ids)];
      expect([...blobs, ...uploads].map(String).sort()).toEqual([0, 31, 32, 69].flatMap(at).sort());
      expect([...(await store.content.findBlobs([])), ...(await store.content.findUploads([]))]).toEqual([]);
      expect(await store.content.countUploads(new Date(Date.UTC(2020, 0, 1, 0, 0, 32)))).toBe(2);
    },
  },
  {
    name: "finds cached layers among any number of keys, and keeps the first entry of a key",
    async run({ store }) {
      const layers = Array.from({ length: 70 }, (_, index) => sampleLayer(`key ${index}`));
      for (const layer of layers) await store.builds.putLayer(layer);
      await store.builds.putLayer({ ...sampleLayer("key 0"), facts: "later" });
      const keys = layers.map((layer) => layer.key);
      const found = await store.builds.findLayers(["absent", ...keys, "key 1"]);
      expect(found).toEqual(new Map(layers.map((layer) => [layer.key, layer])));
      expect(await store.builds.findLayers([])).toEqual(new Map());
    },
  },
  {
    name: "replaces the cached layer whose blob is lost, and no other",
    async run({ store, other }) {
      const [first, later] = [sampleLayer("key"), { ...sampleLayer("other"), key: "key" }];
      await store.builds.putLayer(first);
      await store.builds.putLayer(later, sampleDigest("another"));
      expect((await other.builds.findLayers(["key"])).get("key")).toEqual(first);
      await store.builds.putLayer(later, first.descriptor.digest);
      expect((await other.builds.findLayers(["key"])).get("key")).toEqual(later);
    },
  },
  {
    name: "keeps facts of sources by kind and key: adding keeps an existing fact, putting replaces it",
    async run({ store, other }) {
      const numbered = Array.from({ length: 70 }, (_, index) => [`key ${index}`, `fact ${index}`] as const);
      await Promise.all([
        store.sources.addFacts("a", new Map(numbered)),
        other.sources.addFacts("a", new Map(numbered.toReversed())),
      ]);
      await other.sources.addFacts("a", new Map([["key 0", "later"]]));
      await other.sources.addFacts("b", new Map([["key 1", "of another kind"]]));
      expect(await store.sources.findFacts("a", ["absent", ...numbered.map(([key]) => key)])).toEqual(
        new Map(numbered),
      );
      await store.sources.putFacts("a", new Map([["key 0", "instead"]]));
      expect(await other.sources.findFacts("a", ["key 0", "key 1"])).toEqual(
        new Map([
          ["key 0", "instead"],
          ["key 1", "fact 1"],
        ]),
      );
      expect(await other.sources.findFacts("b", ["key 0", "key 1"])).toEqual(
        new Map([["key 1", "of another kind"]]),
      );
      await store.sources.addFacts("a", new Map());
      expect(await store.sources.findFacts("a", [])).toEqual(new Map());
    },
  },
  {
    name: "forgets the facts of a kind that were written before a time, and no others",
    async run({ store, other }) {
      for (const kind of ["a", "b"]) await store.sources.addFacts(kind, new Map([["key", kind]]));
      await other.sources.forgetFacts("a", new Date(Date.UTC(2000, 0)));
      expect((await store.sources.findFacts("a", ["key"])).size).toBe(1);
      await other.sources.forgetFacts("a", new Date(Date.UTC(9000, 0)));
      expect((await store.sources.findFacts("a", ["key"])).size).toBe(0);
      expect((await store.sources.findFacts("b", ["key"])).size).toBe(1);
    },
  },
  {
    name: "finds an image by name and by lock, as it was last published, under its tag",
    async run({ store, other }) {
      const image = await sampleImage(store, "lock a");
      expect(await store.builds.publishBuiltImage(image, undefined)).toBe(true);
      expect(await other.builds.findBuiltImage(REPOSITORY, image.tag)).toEqual(image);
      expect(await store.builds.findBuiltImage(ELSEWHERE, image.tag)).toBeUndefined();
      expect(await store.builds.findImageByLock(image.lockDigest)).toEqual(image);
      expect((await other.manifests.findManifest(REPOSITORY, image.tag))?.digest).toBe(image.manifestDigest);
      const rebuilt = await sampleImage(store, "lock b");
      expect(await other.builds.publishBuiltImage(rebuilt, image.manifestDigest)).toBe(true);
      expect(await store.builds.findBuiltImage(REPOSITORY, image.tag)).toEqual(rebuilt);
      expect(await store.builds.findImageByLock(image.lockDigest)).toBeUndefined();
      expect(await store.builds.findImageByLock(rebuilt.lockDigest)).toEqual(rebuilt);
      expect((await store.manifests.findManifest(REPOSITORY, image.tag))?.digest).toBe(
        rebuilt.manifestDigest,
      );
    },
  },
  {
    name: "publishes no image in place of an unexpected one, and none whose manifest is not stored",
    async run({ store }) {
      const image = await sampleImage(store, "lock a");
      expect(await store.builds.publishBuiltImage(image, sampleDigest("something"))).toBe(false);
      expect(await store.builds.publishBuiltImage({ ...image, repository: ELSEWHERE }, undefined)).toBe(
        false,
      );
      const absent = { ...image, manifestDigest: sampleDigest("not stored") };
      expect(await store.builds.publishBuiltImage(absent, undefined)).toBe(false);
      expect(await store.manifests.findManifest(REPOSITORY, image.tag)).toBeUndefined();
      const pushed = await pushSample(store, "pushed", [image.tag]);
      expect(await store.builds.publishBuiltImage(image, undefined)).toBe(false);
      expect(await store.builds.publishBuiltImage(image, image.manifestDigest)).toBe(false);
      expect((await store.manifests.findManifest(REPOSITORY, image.tag))?.digest).toBe(pushed.digest);
      expect(await store.builds.findBuiltImage(REPOSITORY, image.tag)).toBeUndefined();
      expect(await store.builds.findBuiltImage(ELSEWHERE, image.tag)).toBeUndefined();
    },
  },
  {
    name: "never publishes an image in place of one that is pushed or deleted at the same time",
    async run({ store, other }) {
      const image = await sampleImage(store, "lock a");
      const { tag } = image;
      for (let round = 0; round < 25; round += 1) {
        const [published, pushed] = await Promise.all([
          store.builds.publishBuiltImage(image, undefined),
          pushSample(other, `pushed ${round}`, [tag]),
        ]);
        expect((await store.manifests.findManifest(REPOSITORY, tag))?.digest).toBe(pushed.digest);
        if (round === 0)
          expect((await store.builds.findBuiltImage(REPOSITORY, tag)) !== undefined).toBe(published);
        await Promise.all([
          store.builds.publishBuiltImage(image, pushed.digest),
          other.manifests.deleteTag(REPOSITORY, tag),
        ]);
        expect(await store.manifests.findManifest(REPOSITORY, tag)).toBeUndefined();
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
