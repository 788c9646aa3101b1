import { expect } from "bun:test";
import { WHOLE_MANIFEST_BYTES } from "../../src/metadata/ports/manifest-ledger.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  ELSEWHERE,
  pushSample,
  REPOSITORY,
  sampleDigest,
  sampleManifest,
  tagName,
} from "./metadata-store-samples.ts";

/** Tests of every {@link ManifestLedger}: push, find and delete. */
export const MANIFEST_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "finds a manifest by digest and by each tag, byte for byte",
    async run({ store }) {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const digest = digestOf(bytes);
      const manifest = sampleManifest("", { bytes, digest, digests: [digest] });
      expect(
        await store.manifests.putManifest(REPOSITORY, manifest, [tagName("v1"), tagName("latest")]),
      ).toEqual([]);
      const stored = { digest, mediaType: manifest.mediaType, size: bytes.byteLength, bytes };
      for (const reference of [digest, tagName("v1"), tagName("latest")]) {
        expect(await store.manifests.findManifest(REPOSITORY, reference)).toEqual(stored);
      }
      expect(await store.manifests.findManifest(REPOSITORY, tagName("v2"))).toBeUndefined();
      expect(await store.manifests.findManifest(REPOSITORY, sampleDigest("a"))).toBeUndefined();
      expect(await store.manifests.findManifest(ELSEWHERE, digest)).toBeUndefined();
      expect(await store.manifests.findManifest(ELSEWHERE, tagName("v1"))).toBeUndefined();
    },
  },
  {
    name: "returns a large manifest without its bytes, and those in pieces",
    async run({ store }) {
      for (const size of [WHOLE_MANIFEST_BYTES, WHOLE_MANIFEST_BYTES + 1, 3 * WHOLE_MANIFEST_BYTES]) {
        const bytes = new Uint8Array(size).fill(0x61);
        const digest = digestOf(bytes);
        await store.manifests.putManifest(
          REPOSITORY,
          sampleManifest("", { bytes, digest, digests: [digest] }),
          [],
        );
        const found = await store.manifests.findManifest(REPOSITORY, digest);
        expect([found?.size, found?.bytes !== undefined]).toEqual([size, size <= WHOLE_MANIFEST_BYTES]);
        const pieces = await Array.fromAsync(store.manifests.readManifest(REPOSITORY, digest), (piece) =>
          piece.slice(),
        );
        expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
        expect(pieces.every(({ byteLength }) => byteLength <= WHOLE_MANIFEST_BYTES)).toBe(true);
      }
    },
  },
  {
    name: "fails to read a manifest that is deleted in the meantime, and never ends it early",
    async run({ store }) {
      const bytes = new Uint8Array(2 * WHOLE_MANIFEST_BYTES);
      const digest = digestOf(bytes);
      await store.manifests.putManifest(
        REPOSITORY,
        sampleManifest("", { bytes, digest, digests: [digest] }),
        [],
      );
      const pieces = store.manifests.readManifest(REPOSITORY, digest)[Symbol.asyncIterator]();
      const first = await pieces.next();
      await store.manifests.deleteManifest(REPOSITORY, digest);
      let size = (first.value as Uint8Array).byteLength;
      const rest = (async () => {
        for (let next = await pieces.next(); !next.done; next = await pieces.next())
          size += next.value.byteLength;
      })();
      const outcome = await rest.then(
        () => "ended",
        (error) => String(error),
      );
      expect(outcome === "ended" ? size === bytes.byteLength : outcome.includes("deleted")).toBe(true);
    },
  },
  {
    name: "returns a manifest with the requested digest, and a tag with the digest that it was pushed with",
    async run({ store }) {
      const manifest = sampleManifest("a");
      const sha512 = digestOf(manifest.bytes, "sha512");
      const digests = [manifest.digest, sha512];
      await store.manifests.putManifest(REPOSITORY, { ...manifest, digests }, [tagName("short")]);
      await store.manifests.putManifest(REPOSITORY, { ...manifest, digest: sha512, digests }, [
        tagName("long"),
      ]);
      expect((await store.manifests.findManifest(REPOSITORY, sha512))?.digest).toBe(sha512);
      expect((await store.manifests.findManifest(REPOSITORY, manifest.digest))?.digest).toBe(manifest.digest);
      expect((await store.manifests.findManifest(REPOSITORY, tagName("short")))?.digest).toBe(
        manifest.digest,
      );
      expect((await store.manifests.findManifest(REPOSITORY, tagName("long")))?.digest).toBe(sha512);
    },
  },
  {
    name: "adds a digest to a manifest that was first pushed under another",
    async run({ store }) {
      const manifest = sampleManifest("a");
      const sha512 = digestOf(manifest.bytes, "sha512");
      await store.manifests.putManifest(REPOSITORY, { ...manifest, digest: sha512, digests: [sha512] }, [
        tagName("v1"),
      ]);
      await store.manifests.putManifest(REPOSITORY, manifest, []);
      expect(await store.manifests.deleteManifest(REPOSITORY, manifest.digest)).toBe(true);
      expect(await store.manifests.findManifest(REPOSITORY, sha512)).toBeUndefined();
      expect(await store.manifests.findManifest(REPOSITORY, tagName("v1"))).toBeUndefined();
    },
  },
  {
    name: "moves a tag to the manifest pushed last and keeps the earlier one by digest",
    async run({ store }) {
      const first = await pushSample(store, "a", ["latest"]);
      const second = await pushSample(store, "b", ["latest"]);
      expect((await store.manifests.findManifest(REPOSITORY, tagName("latest")))?.digest).toBe(second.digest);
      expect((await store.manifests.findManifest(REPOSITORY, first.digest))?.bytes).toEqual(first.bytes);
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([tagName("latest")]);
    },
  },
  {
    name: "accepts the same push again, and counts it once",
    async run({ store }) {
      const manifest = await pushSample(store, "a", ["latest"]);
      await pushSample(store, "a", ["latest"]);
      expect(await store.manifests.deleteManifest(REPOSITORY, manifest.digest)).toBe(true);
      expect(await store.manifests.deleteManifest(REPOSITORY, manifest.digest)).toBe(false);
      expect(await store.listings.listRepositories({ limit: 10 })).toEqual([]);
    },
  },
  {
    name: "refuses the same bytes with another media type, and writes nothing; other repositories accept them",
    async run({ store, other }) {
      const manifest = await pushSample(store, "a", ["latest"]);
      const retyped = { ...manifest, mediaType: MediaType.ociIndex };
      const again = other.manifests.putManifest(REPOSITORY, retyped, [tagName("index")]);
      const { mediaType: stored } = manifest;
      expect(await again.catch((error: unknown) => error)).toMatchObject({
        fault: "manifest-invalid",
        detail: { digest: manifest.digest, stored, pushed: MediaType.ociIndex },
      });
      expect(await store.manifests.findManifest(REPOSITORY, tagName("index"))).toBeUndefined();
      expect((await store.manifests.findManifest(REPOSITORY, tagName("latest")))?.mediaType).toBe(stored);
      expect(await store.manifests.putManifest(ELSEWHERE, retyped, [])).toEqual([]);
      await store.manifests.deleteManifest(REPOSITORY, manifest.digest);
      expect(await store.manifests.putManifest(REPOSITORY, retyped, [])).toEqual([]);
      expect((await other.manifests.findManifest(REPOSITORY, manifest.digest))?.mediaType).toBe(
        MediaType.ociIndex,
      );
    },
  },
  {
    name: "deletes a manifest under all its digests, with its tags, and only in its repository",
    async run({ store }) {
      const manifest = sampleManifest("a");
      const sha512 = digestOf(manifest.bytes, "sha512");
      const digests = [manifest.digest, sha512];
      for (const repository of [REPOSITORY, ELSEWHERE]) {
        await store.manifests.putManifest(repository, { ...manifest, digests }, [
          tagName("v1"),
          tagName("v2"),
        ]);
      }
      const kept = await pushSample(store, "b", ["v3"]);
      expect(await store.manifests.deleteManifest(REPOSITORY, sha512)).toBe(true);
      for (const reference of [manifest.digest, sha512, tagName("v1"), tagName("v2")]) {
        expect(await store.manifests.findManifest(REPOSITORY, reference)).toBeUndefined();
        expect(await store.manifests.findManifest(ELSEWHERE, reference)).toBeDefined();
      }
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([tagName("v3")]);
      expect(await store.manifests.findManifest(REPOSITORY, kept.digest)).toBeDefined();
      expect(await store.manifests.deleteManifest(REPOSITORY, sha512)).toBe(false);
    },
  },
  {
    name: "deletes a tag and leaves its manifest and its other tags",
    async run({ store }) {
      const manifest = await pushSample(store, "a", ["v1", "v2"]);
      await pushSample(store, "a", ["v1"], ELSEWHERE);
      expect(await store.manifests.deleteTag(REPOSITORY, tagName("v1"))).toBe(true);
      expect(await store.manifests.deleteTag(REPOSITORY, tagName("v1"))).toBe(false);
      expect(await store.manifests.findManifest(REPOSITORY, tagName("v1"))).toBeUndefined();
      expect(await store.manifests.findManifest(REPOSITORY, tagName("v2"))).toBeDefined();
      expect(await store.manifests.findManifest(REPOSITORY, manifest.digest)).toBeDefined();
      expect(await store.manifests.findManifest(ELSEWHERE, tagName("v1"))).toBeDefined();
    },
  },
  {
    name: "stores a manifest again after it was deleted",
    async run({ store }) {
      const manifest = await pushSample(store, "a", ["v1"]);
      await store.manifests.deleteManifest(REPOSITORY, manifest.digest);
      await pushSample(store, "a", ["v1"]);
      expect(await store.manifests.findManifest(REPOSITORY, tagName("v1"))).toBeDefined();
      expect(await store.listings.listRepositories({ limit: 10 })).toEqual([REPOSITORY]);
    },
  },
  {
    name: "returns no cached manifest after a change by its own or another instance",
    async run({ store, other }) {
      const first = await pushSample(store, "a", ["latest"]);
      const latest = () => store.manifests.findManifest(REPOSITORY, tagName("latest"));
      expect((await latest())?.digest).toBe(first.digest);
      const second = await pushSample(other, "b", ["latest"]);
      expect((await latest())?.digest).toBe(second.digest);
      await other.manifests.deleteTag(REPOSITORY, tagName("latest"));
      expect(await latest()).toBeUndefined();
      await pushSample(store, "a", ["latest"]);
      expect((await latest())?.digest).toBe(first.digest);
      await store.manifests.deleteManifest(REPOSITORY, first.digest);
      expect(await latest()).toBeUndefined();
    },
  },
];
