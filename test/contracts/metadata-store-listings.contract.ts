import { expect } from "bun:test";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  ELSEWHERE,
  linkSample,
  pushSample,
  REPOSITORY,
  repositoryName,
  sampleDigest,
  sampleManifest,
  tagName,
} from "./metadata-store-samples.ts";

/** By bytes: digits, capitals, `_`, small letters. A language's order mixes them. */
const TAGS_IN_BYTE_ORDER = ["0.9", "1.0", "1.0-rc", "10", "B", "V1", "_x", "a", "b", "v1", "v1.0"].map(
  tagName,
);

/** What every {@link ManifestLedger} does when asked for listings. */
export const LISTING_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "lists tags in pages of ascending byte order",
    async run({ store }) {
      await pushSample(store, "a", TAGS_IN_BYTE_ORDER.toReversed());
      await pushSample(store, "a", ["zz"], ELSEWHERE);
      expect(await store.listTags(REPOSITORY, { limit: 100 })).toEqual(TAGS_IN_BYTE_ORDER);
      const page = await store.listTags(REPOSITORY, { limit: 3, after: "1.0" });
      expect(page).toEqual(TAGS_IN_BYTE_ORDER.slice(2, 5));
      // The one to go on after need not be there.
      expect(await store.listTags(REPOSITORY, { limit: 1, after: "1.0-" })).toEqual([tagName("1.0-rc")]);
      expect(await store.listTags(REPOSITORY, { limit: 5, after: "v1.0" })).toEqual([]);
      expect(await store.listTags(REPOSITORY, { limit: 0 })).toEqual([]);
    },
  },
  {
    name: "tells a repository without tags from one that was never pushed to",
    async run({ store }) {
      await linkSample(store, "blob");
      expect(await store.listTags(REPOSITORY, { limit: 10 })).toBeUndefined();
      const manifest = await pushSample(store, "a");
      expect(await store.listTags(REPOSITORY, { limit: 10 })).toEqual([]);
      await store.deleteManifest(REPOSITORY, manifest.digest);
      expect(await store.listTags(REPOSITORY, { limit: 10 })).toEqual([]);
      expect(await store.listTags(ELSEWHERE, { limit: 10 })).toBeUndefined();
    },
  },
  {
    name: "lists the repositories that hold a manifest in pages of ascending byte order",
    async run({ store }) {
      const names = ["a-b", "a.b", "a/b", "a0", "ab", "b"].map(repositoryName);
      for (const name of names.toReversed()) await pushSample(store, "a", [], name);
      const emptied = repositoryName("a/a");
      const manifest = await pushSample(store, "a", [], emptied);
      await store.deleteManifest(emptied, manifest.digest);
      await linkSample(store, "blob", repositoryName("aa"));
      expect(await store.listRepositories({ limit: 100 })).toEqual(names);
      expect(await store.listRepositories({ limit: 2, after: "a.b" })).toEqual(names.slice(2, 4));
      expect(await store.listRepositories({ limit: 2, after: "A" })).toEqual(names.slice(0, 2));
    },
  },
  {
    name: "lists the referrers of a subject as descriptors, by type and in pages",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const descriptors: Descriptor[] = [];
      for (let index = 0; index < 7; index += 1) {
        const artifactType = index % 2 === 0 ? "example/signature" : "example/sbom";
        const annotations = { "org.example.note": `näme "${index}"` };
        const manifest = sampleManifest(`referrer ${index}`, { subject, artifactType, annotations });
        await store.putManifest(REPOSITORY, manifest, []);
        const { mediaType, digest, bytes } = manifest;
        descriptors.push({ mediaType, digest, size: bytes.byteLength, annotations, artifactType });
      }
      await store.putManifest(ELSEWHERE, sampleManifest("elsewhere", { subject }), []);
      await pushSample(store, "no referrer");
      const expected = descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
      const list = (filter: { artifactType?: string }, limit: number, after = 0) => {
        const last = expected[after - 1]?.digest;
        return store.listReferrers(REPOSITORY, subject, filter, last ? { limit, after: last } : { limit });
      };
      expect(await list({}, 100)).toEqual(expected);
      expect(await list({}, 2, 3)).toEqual(expected.slice(3, 5));
      const sboms = expected.filter((each) => each.artifactType === "example/sbom");
      expect(await list({ artifactType: "example/sbom" }, 100)).toEqual(sboms);
      expect(await list({ artifactType: "example/sbom" }, 1)).toEqual(sboms.slice(0, 1));
      expect(await list({ artifactType: "example/none" }, 100)).toEqual([]);
    },
  },
  {
    name: "describes a referrer without type and annotations, and forgets it when it is deleted",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const manifest = sampleManifest("a", { subject });
      await store.putManifest(REPOSITORY, manifest, []);
      const { mediaType, digest, bytes } = manifest;
      const referrers = () => store.listReferrers(REPOSITORY, subject, {}, { limit: 10 });
      expect(await referrers()).toEqual([{ mediaType, digest, size: bytes.byteLength }]);
      await store.deleteManifest(REPOSITORY, digest);
      expect(await referrers()).toEqual([]);
    },
  },
];
