import { expect } from "bun:test";
import { nextTurn } from "../../src/concurrency/next-turn.ts";
import type { ManifestReference } from "../../src/metadata/ports/manifest-ledger.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { eventually } from "../support/eventually.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  linkSample,
  pushSample,
  REPOSITORY,
  repositoryName,
  requires,
  sampleDigest,
  sampleManifest,
  tagName,
} from "./metadata-store-samples.ts";

/** Tests of two instances that work on one database at the same time. */
export const CONCURRENCY_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "never stores an index without one of its manifests, even if that is deleted at the same time",
    run: (stores) =>
      raceRemovals(stores, async ({ store, other }, seed) => {
        const { digest } = await pushSample(store, seed);
        return {
          reference: requires("manifest", digest),
          remove: () => other.manifests.deleteManifest(REPOSITORY, digest),
        };
      }),
  },
  {
    name: "never stores a manifest without one of its blobs, even if that is unlinked at the same time",
    run: (stores) =>
      raceRemovals(stores, async ({ store, other }, seed) => {
        const digest = await linkSample(store, seed);
        return {
          reference: requires("layer", digest),
          remove: () => other.links.unlinkBlob(REPOSITORY, digest),
        };
      }),
  },
  {
    name: "counts every one of many concurrent pushes to and deletes from one repository",
    async run({ store, other }) {
      const seeds = Array.from({ length: 20 }, (_, index) => `m ${index}`);
      const manifests = await Promise.all(
        seeds.map((seed, index) => pushSample(index % 2 === 0 ? store : other, seed, ["latest"])),
      );
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([tagName("latest")]);
      const deletions = manifests.flatMap(({ digest }) =>
        [store, other].map((each) => each.manifests.deleteManifest(REPOSITORY, digest)),
      );
      const deleted = await Promise.all(deletions);
      expect(deleted.filter(Boolean)).toHaveLength(seeds.length);
      expect(await store.listings.listRepositories({ limit: 10 })).toEqual([]);
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([]);
    },
  },
  {
    name: "links one new blob into many new repositories at once",
    async run({ store, other }) {
      const names = Array.from({ length: 30 }, (_, index) => repositoryName(`r${10 + index}`));
      const link = (name: (typeof names)[number], each: MetadataStore) => linkSample(each, "a", name);
      await Promise.all(names.flatMap((name) => [link(name, store), link(name, other)]));
      expect(await store.links.listRepositoriesLinking(sampleDigest("a"), { limit: 100 })).toEqual(names);
    },
  },
  {
    name: "never shows a tag without its manifest while the tag moves and manifests come and go",
    async run({ store, other }) {
      let isOver = false;
      let looks = 0;
      const write = async () => {
        for (let round = 0; round < 30 && !isOver; round += 1) {
          // No tag but "latest" comes back once it is gone.
          const manifest = await pushSample(store, `m ${round}`, ["latest", `v${round}`]);
          const seen = looks + 2;
          await eventually(() => isOver || looks >= seen);
          if (round % 3 > 0) await store.manifests.deleteManifest(REPOSITORY, manifest.digest);
        }
      };
      const listed = async () => {
        const tags = (await other.listings.listTags(REPOSITORY, { limit: 100 })) ?? [];
        return tags.filter((tag) => tag !== "latest");
      };
      const look = async () => {
        const missing = [];
        for (const tag of await listed()) {
          const found = await other.manifests.findManifest(REPOSITORY, tag);
          if (found === undefined) missing.push(tag);
          else expect(found.digest).toBe(sampleManifest(`m ${tag.slice(1)}`).digest);
        }
        const stillThere = new Set(await listed());
        expect(missing.filter((tag) => stillThere.has(tag))).toEqual([]);
        const latest = await other.manifests.findManifest(REPOSITORY, tagName("latest"));
        if (latest !== undefined) expect(digestOf(latest.bytes ?? "")).toBe(latest.digest);
        looks += 1;
        await nextTurn();
      };
      const watch = async () => {
        while (!isOver) await look();
      };
      const end = () => {
        isOver = true;
      };
      const outcomes = await Promise.allSettled([write().finally(end), watch().finally(end)]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      await look();
      expect(await listed()).toHaveLength(10);
    },
  },
];

interface RemovablePart {
  readonly reference: ManifestReference;
  readonly remove: () => Promise<boolean>;
}

/** Stores manifests through one store while a part that each requires is removed through the other. */
async function raceRemovals(
  stores: MetadataStores,
  addPart: (stores: MetadataStores, seed: string) => Promise<RemovablePart>,
): Promise<void> {
  const { store } = stores;
  for (let round = 0; round < 25; round += 1) {
    const { reference, remove } = await addPart(stores, `part ${round}`);
    const manifest = sampleManifest(`whole ${round}`, { references: [reference] });
    const isStored = async () =>
      (await store.manifests.findManifest(REPOSITORY, manifest.digest)) !== undefined;
    const removeThenLook = async () => {
      expect(await remove()).toBe(true);
      return isStored();
    };
    const [missing, cameFirst] = await Promise.all([
      store.manifests.putManifest(REPOSITORY, manifest, [tagName("whole")]),
      removeThenLook(),
    ]);
    expect(missing).toEqual(cameFirst ? [] : [reference]);
    expect(await isStored()).toBe(cameFirst);
  }
}
