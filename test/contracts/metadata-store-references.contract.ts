import { expect } from "bun:test";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  ELSEWHERE,
  linkSample,
  pushSample,
  REPOSITORY,
  requires,
  sampleDigest,
  sampleManifest,
  tagName,
} from "./metadata-store-samples.ts";

/** Tests of every {@link ManifestLedger}: how it checks the references of a pushed manifest. */
export const REFERENCE_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "stores a manifest whose references all exist, blobs under any of their digests",
    async run({ store }) {
      const config = await linkSample(store, "config");
      const sha512 = sampleDigest("layer", "sha512");
      const layer = { digest: sampleDigest("layer"), size: 1 };
      await store.links.linkBlob(REPOSITORY, layer, [layer.digest, sha512]);
      const child = await pushSample(store, "child");
      const references = [
        requires("config", config),
        requires("layer", sha512),
        requires("layer", sha512),
        requires("manifest", child.digest),
      ];
      const manifest = sampleManifest("a", { references });
      expect(await store.manifests.putManifest(REPOSITORY, manifest, [])).toEqual([]);
      expect(await store.manifests.findManifest(REPOSITORY, manifest.digest)).toBeDefined();
    },
  },
  {
    name: "names every missing reference in order and writes nothing",
    async run({ store }) {
      const kept = await pushSample(store, "old", ["latest"]);
      const linked = await linkSample(store, "linked");
      const elsewhere = await linkSample(store, "elsewhere", ELSEWHERE);
      const references = [
        requires("layer", sampleDigest("z")),
        requires("config", elsewhere),
        requires("layer", linked),
        requires("manifest", sampleDigest("y")),
        requires("layer", sampleDigest("a")),
      ];
      const manifest = sampleManifest("new", { references, subject: kept.digest });
      const missing = await store.manifests.putManifest(REPOSITORY, manifest, [
        tagName("latest"),
        tagName("new"),
      ]);
      expect(missing).toEqual(references.filter(({ digest }) => digest !== linked));
      expect(await store.manifests.findManifest(REPOSITORY, manifest.digest)).toBeUndefined();
      expect((await store.manifests.findManifest(REPOSITORY, tagName("latest")))?.digest).toBe(kept.digest);
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([tagName("latest")]);
      expect(await store.referrers.listReferrers(REPOSITORY, kept.digest, {}, { limit: 10 })).toEqual([]);
    },
  },
  {
    name: "creates no repository if a reference of its first manifest is missing",
    async run({ store }) {
      const manifest = sampleManifest("a", { references: [requires("layer", sampleDigest("b"))] });
      expect(await store.manifests.putManifest(REPOSITORY, manifest, [])).toHaveLength(1);
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toBeUndefined();
      expect(await store.listings.listRepositories({ limit: 10 })).toEqual([]);
    },
  },
  {
    name: "does not accept a blob as a manifest, or a manifest as a blob",
    async run({ store }) {
      const blob = await linkSample(store, "blob");
      const child = await pushSample(store, "child");
      const references = [requires("manifest", blob), requires("layer", child.digest)];
      expect(await store.manifests.putManifest(REPOSITORY, sampleManifest("a", { references }), [])).toEqual(
        references,
      );
      expect(await store.manifests.findManifest(REPOSITORY, blob)).toBeUndefined();
      expect(await store.manifests.deleteManifest(REPOSITORY, blob)).toBe(false);
    },
  },
  {
    name: "stores a manifest although an optional reference is missing",
    async run({ store }) {
      const references = [{ ...requires("layer", sampleDigest("foreign")), optional: true }];
      expect(await store.manifests.putManifest(REPOSITORY, sampleManifest("a", { references }), [])).toEqual(
        [],
      );
    },
  },
  {
    name: "checks a manifest of a thousand references and names the two that are missing",
    async run({ store }) {
      const held = await Promise.all(
        Array.from({ length: 1000 }, (_, index) => linkSample(store, `layer ${index}`)),
      );
      const digests = held.with(0, sampleDigest("first")).with(999, sampleDigest("last"));
      const manifest = sampleManifest("a", {
        references: digests.map((digest) => requires("layer", digest)),
      });
      expect(await store.manifests.putManifest(REPOSITORY, manifest, [])).toEqual([
        requires("layer", sampleDigest("first")),
        requires("layer", sampleDigest("last")),
      ]);
      await linkSample(store, "first");
      await linkSample(store, "last");
      expect(await store.manifests.putManifest(REPOSITORY, manifest, [])).toEqual([]);
    },
  },
];
