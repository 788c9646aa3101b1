import { expect } from "bun:test";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import type { Referrer } from "../../src/metadata/ports/referrer-ledger.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
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

/** In byte order: digits, upper case, `_`, lower case. The order of a language mixes them. */
const TAGS_IN_BYTE_ORDER = ["0.9", "1.0", "1.0-rc", "10", "B", "V1", "_x", "a", "b", "v1", "v1.0"].map(
  tagName,
);

/** Tests of every {@link ListingLedger} and {@link ReferrerLedger}. */
export const LISTING_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "lists tags in pages of ascending byte order",
    async run({ store }) {
      await pushSample(store, "a", TAGS_IN_BYTE_ORDER.toReversed());
      await pushSample(store, "a", ["zz"], ELSEWHERE);
      expect(await store.listings.listTags(REPOSITORY, { limit: 100 })).toEqual(TAGS_IN_BYTE_ORDER);
      const page = await store.listings.listTags(REPOSITORY, { limit: 3, after: "1.0" });
      expect(page).toEqual(TAGS_IN_BYTE_ORDER.slice(2, 5));
      // The entry to continue after does not have to exist.
      expect(await store.listings.listTags(REPOSITORY, { limit: 1, after: "1.0-" })).toEqual([
        tagName("1.0-rc"),
      ]);
      expect(await store.listings.listTags(REPOSITORY, { limit: 5, after: "v1.0" })).toEqual([]);
      expect(await store.listings.listTags(REPOSITORY, { limit: 0 })).toEqual([]);
    },
  },
  {
    name: "distinguishes a repository without tags from one that was never pushed to",
    async run({ store }) {
      await linkSample(store, "blob");
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toBeUndefined();
      const manifest = await pushSample(store, "a");
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([]);
      await store.manifests.deleteManifest(REPOSITORY, manifest.digest);
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([]);
      expect(await store.listings.listTags(ELSEWHERE, { limit: 10 })).toBeUndefined();
    },
  },
  {
    name: "lists the repositories that hold a manifest in pages of ascending byte order",
    async run({ store }) {
      const names = ["a-b", "a.b", "a/b", "a0", "ab", "b"].map(repositoryName);
      for (const name of names.toReversed()) await pushSample(store, "a", [], name);
      const emptied = repositoryName("a/a");
      const manifest = await pushSample(store, "a", [], emptied);
      await store.manifests.deleteManifest(emptied, manifest.digest);
      await linkSample(store, "blob", repositoryName("aa"));
      expect(await store.listings.listRepositories({ limit: 100 })).toEqual(names);
      expect(await store.listings.listRepositories({ limit: 2, after: "a.b" })).toEqual(names.slice(2, 4));
      expect(await store.listings.listRepositories({ limit: 2, after: "A" })).toEqual(names.slice(0, 2));
    },
  },
  {
    name: "lists the referrers of a subject as descriptors in the order of their pushes, by type and in pages",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const descriptors: Descriptor[] = [];
      for (let index = 0; index < 7; index += 1) {
        const artifactType = index % 2 === 0 ? "example/signature" : "example/sbom";
        const annotations = { "org.example.note": `näme "${index}"` };
        const manifest = sampleManifest(`referrer ${index}`, { subject, artifactType, annotations });
        await store.manifests.putManifest(REPOSITORY, manifest, []);
        const { mediaType, digest, bytes } = manifest;
        descriptors.push({ mediaType, digest, size: bytes.byteLength, artifactType, annotations });
      }
      await store.manifests.putManifest(ELSEWHERE, sampleManifest("elsewhere", { subject }), []);
      await pushSample(store, "no referrer");
      // A repeated push changes nothing.
      const again = sampleManifest("referrer 0", {
        subject,
        artifactType: descriptors[0]?.artifactType,
        annotations: descriptors[0]?.annotations,
      });
      await store.manifests.putManifest(REPOSITORY, again, []);
      const expected = descriptors;
      const everything = await store.referrers.listReferrers(REPOSITORY, subject, {}, { limit: 100 });
      const list = async (filter: { artifactType?: string }, limit: number, after = 0) => {
        const page = { limit, after: everything[after - 1] };
        return describe(store, await store.referrers.listReferrers(REPOSITORY, subject, filter, page));
      };
      expect(everything.map(({ listedAt }) => listedAt)).toEqual(
        [...new Set(everything.map(({ listedAt }) => listedAt))].toSorted((a, b) => a - b),
      );
      expect(await list({}, 100)).toEqual(expected);
      expect(await list({}, 2, 3)).toEqual(expected.slice(3, 5));
      expect(await list({}, 100, 7)).toEqual([]);
      // The entry to continue after does not have to exist.
      await store.manifests.deleteManifest(REPOSITORY, everything[2]?.digest as Digest);
      expect(await list({}, 2, 3)).toEqual(expected.slice(3, 5));
      expect(await list({ artifactType: "example/signature" }, 2, 1)).toEqual([
        expected[4],
        expected[6],
      ] as never);
      const sboms = expected.filter((each) => each.artifactType === "example/sbom");
      expect(await list({ artifactType: "example/sbom" }, 100)).toEqual(sboms);
      expect(await list({ artifactType: "example/sbom" }, 1)).toEqual(sboms.slice(0, 1));
      expect(await list({ artifactType: "example/none" }, 100)).toEqual([]);
    },
  },
  {
    name: "lists every annotation of a referrer, whatever it is called",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const text = '{"__proto__":"a","constructor":"b","toString":"c","":"d","\\u0000":"e","0":"f"}';
      const annotations = JSON.parse(text);
      await store.manifests.putManifest(REPOSITORY, sampleManifest("a", { subject, annotations }), []);
      const listed = await store.referrers.listReferrers(REPOSITORY, subject, {}, { limit: 10 });
      expect(JSON.stringify(await describe(store, listed))).toContain(JSON.stringify(annotations));
    },
  },
  {
    name: "describes a referrer without type and annotations, and forgets it when it is deleted",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const manifest = sampleManifest("a", { subject });
      await store.manifests.putManifest(REPOSITORY, manifest, []);
      const { mediaType, digest, bytes } = manifest;
      const referrers = () => store.referrers.listReferrers(REPOSITORY, subject, {}, { limit: 10 });
      const listed = await referrers();
      expect(await describe(store, listed)).toEqual([{ mediaType, digest, size: bytes.byteLength }]);
      await store.manifests.deleteManifest(REPOSITORY, digest);
      expect(await referrers()).toEqual([]);
      expect(await describe(store, listed)).toEqual([]);
    },
  },
  {
    name: "finds the referrers among some candidates that do not name the subject themselves",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const told = sampleManifest("told", { subject });
      const signature = sampleManifest("signature", { artifactType: "example/signature" });
      const ofAnother = sampleManifest("of another", { subject: sampleDigest("another") });
      for (const manifest of [told, signature, ofAnother])
        await store.manifests.putManifest(REPOSITORY, manifest, []);
      await store.manifests.putManifest(ELSEWHERE, sampleManifest("elsewhere"), []);
      const candidates = [told, signature, ofAnother, sampleManifest("elsewhere")].map(
        ({ digest }) => digest,
      );
      const find = async (filter: { artifactType?: string }, among = candidates) =>
        (await store.referrers.findReferrers(REPOSITORY, subject, filter, among))
          .map(({ digest }) => digest)
          .toSorted();
      expect(await find({})).toEqual([signature.digest, ofAnother.digest].toSorted());
      expect(await find({ artifactType: "example/signature" })).toEqual([signature.digest]);
      expect(await find({}, [])).toEqual([]);
    },
  },
  {
    name: "returns descriptors of any length in pieces",
    async run({ store }) {
      const subject = sampleDigest("subject");
      const expected: Descriptor[] = [];
      for (const length of [10, 700_000, 20, 60_000, 60_000, 300_000]) {
        const annotations = { "org.example.note": "é".repeat(length / 2) };
        const manifest = sampleManifest(`${length} ${expected.length}`, { subject, annotations });
        await store.manifests.putManifest(REPOSITORY, manifest, []);
        const { mediaType, digest, bytes } = manifest;
        expected.push({ mediaType, digest, size: bytes.byteLength, annotations });
      }
      const listed = await store.referrers.listReferrers(REPOSITORY, subject, {}, { limit: 10 });
      expect(listed.map(({ descriptorBytes }) => descriptorBytes)).toEqual(
        expected.map((descriptor) => Buffer.byteLength(JSON.stringify(descriptor))),
      );
      expect(await describe(store, listed)).toEqual(expected);
      for await (const piece of store.referrers.readDescriptors(REPOSITORY, listed)) {
        expect(piece.byteLength).toBeLessThanOrEqual(256 * 1024);
      }
    },
  },
];

/** The descriptors that the store returns for some referrers. */
async function describe(
  store: MetadataStore,
  referrers: readonly Referrer[],
): Promise<readonly Descriptor[]> {
  const pieces = await Array.fromAsync(store.referrers.readDescriptors(REPOSITORY, referrers), (piece) =>
    piece.slice(),
  );
  return JSON.parse(`[${Buffer.concat(pieces).toString()}]`);
}
