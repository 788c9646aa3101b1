import { expect } from "bun:test";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { RegistryError } from "../../src/oci/registry-error.ts";
import type { WriteCondition } from "../../src/oci/write-condition.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  pushSample,
  REPOSITORY,
  requires,
  sampleDigest,
  sampleManifest,
  tagName,
} from "./metadata-store-samples.ts";

const V1 = tagName("v1");
const ABSENT: WriteCondition = { ifNoneMatch: "any" };
const PRESENT: WriteCondition = { ifMatch: "any" };

/** Tests of every {@link ManifestLedger}: conditional writes. */
export const CONDITION_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "pushes a tag only if the condition holds for its manifest, by any of the manifest's digests",
    async run({ store }) {
      expect(await put(store, "a", PRESENT)).toBe("precondition-failed");
      expect(await put(store, "a", { ifMatch: [sampleManifest("a").digest] })).toBe("precondition-failed");
      expect(await store.manifests.findManifest(REPOSITORY, sampleManifest("a").digest)).toBeUndefined();
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toBeUndefined();
      expect(await put(store, "a", ABSENT)).toBe("stored");
      expect(await put(store, "b", ABSENT)).toBe("precondition-failed");
      expect(await current(store)).toBe(sampleManifest("a").digest);
      expect(await store.manifests.findManifest(REPOSITORY, sampleManifest("b").digest)).toBeUndefined();
      const { bytes, digest } = sampleManifest("a");
      const sha512 = digestOf(bytes, "sha512");
      await store.manifests.putManifest(
        REPOSITORY,
        { ...sampleManifest("a"), digests: [digest, sha512] },
        [],
      );
      expect(await put(store, "b", { ifNoneMatch: [sha512] })).toBe("precondition-failed");
      expect(await put(store, "b", { ifMatch: [sampleDigest("x")] })).toBe("precondition-failed");
      expect(await put(store, "b", { ifMatch: [] })).toBe("precondition-failed");
      expect(await put(store, "b", { ifMatch: [sampleDigest("x"), sha512] })).toBe("stored");
      expect(await put(store, "c", { ifMatch: [digest] })).toBe("precondition-failed");
      expect(await put(store, "c", { ...PRESENT, ifNoneMatch: [digest] })).toBe("stored");
      expect(await put(store, "a", { ifNoneMatch: [] })).toBe("stored");
    },
  },
  {
    name: "reports which condition failed, for which reference, and what that names now",
    async run({ store }) {
      const { digest } = await pushSample(store, "a", ["v1"]);
      const failures = [
        store.manifests.putManifest(REPOSITORY, sampleManifest("b"), [tagName("new"), V1], ABSENT),
        store.manifests.deleteTag(REPOSITORY, V1, { ifMatch: [sampleDigest("x")] }),
        store.manifests.deleteManifest(REPOSITORY, digest, { ifNoneMatch: [digest] }),
        store.manifests.putManifest(REPOSITORY, sampleManifest("b"), [tagName("none")], PRESENT),
      ].map((write) => write.then(undefined, (error: RegistryError) => error.detail));
      expect(await Promise.all(failures)).toEqual([
        { condition: "If-None-Match", reference: V1, current: digest },
        { condition: "If-Match", reference: V1, current: digest },
        { condition: "If-None-Match", reference: digest, current: digest },
        { condition: "If-Match", reference: tagName("none"), current: null },
      ]);
    },
  },
  {
    name: "sets all tags of a push or none, and without tags checks the manifest's digest",
    async run({ store }) {
      const { digest } = await pushSample(store, "a", ["v1"]);
      expect(await put(store, "b", ABSENT, ["new", "v1"])).toBe("precondition-failed");
      expect(await store.listings.listTags(REPOSITORY, { limit: 10 })).toEqual([V1]);
      expect(await put(store, "a", ABSENT, ["new"])).toBe("stored");
      expect(await put(store, "b", { ifMatch: [digest] }, ["new", "v1"])).toBe("stored");
      expect(await put(store, "b", ABSENT, [])).toBe("precondition-failed");
      expect(await put(store, "b", PRESENT, [])).toBe("stored");
      expect(await put(store, "c", PRESENT, [])).toBe("precondition-failed");
      expect(await put(store, "c", ABSENT, [])).toBe("stored");
    },
  },
  {
    name: "checks the condition before the references of a manifest",
    async run({ store }) {
      await pushSample(store, "a", ["v1"]);
      const manifest = sampleManifest("b", { references: [requires("layer", sampleDigest("absent"))] });
      const pushed = store.manifests.putManifest(REPOSITORY, manifest, [V1], ABSENT);
      expect(await faultOf(pushed)).toBe("precondition-failed");
      expect(await store.manifests.putManifest(REPOSITORY, manifest, [tagName("new")], ABSENT)).toHaveLength(
        1,
      );
    },
  },
  {
    name: "deletes only if the condition holds, and returns false if there is nothing to delete",
    async run({ store }) {
      const a = await pushSample(store, "a", ["v1"]);
      expect(await faultOf(store.manifests.deleteTag(REPOSITORY, V1, ABSENT))).toBe("precondition-failed");
      expect(await current(store)).toBe(a.digest);
      expect(await store.manifests.deleteTag(REPOSITORY, V1, { ifMatch: [a.digest] })).toBe(true);
      expect(await store.manifests.deleteTag(REPOSITORY, V1, PRESENT)).toBe(false);
      const other = { ifMatch: [sampleDigest("x")] };
      expect(await faultOf(store.manifests.deleteManifest(REPOSITORY, a.digest, other))).toBe(
        "precondition-failed",
      );
      expect(await store.manifests.deleteManifest(REPOSITORY, a.digest, PRESENT)).toBe(true);
      expect(await store.manifests.deleteManifest(REPOSITORY, a.digest, PRESENT)).toBe(false);
    },
  },
  {
    name: "lets exactly one of many writers create a tag at the same time",
    async run(stores) {
      for (let round = 0; round < 5; round += 1) {
        const tag = `v${round}`;
        const winner = await race(stores, ABSENT, tag, round);
        expect(await current(stores.store, tag)).toBe(winner);
      }
    },
  },
  {
    name: "lets exactly one of many writers move a tag from the manifest that all of them saw",
    async run(stores) {
      let seen = (await pushSample(stores.store, "first", ["v1"])).digest;
      for (let round = 0; round < 5; round += 1) {
        seen = await race(stores, { ifMatch: [seen] }, "v1", round);
        expect(await current(stores.store)).toBe(seen);
      }
    },
  },
  {
    name: "lets a conditional delete or a conditional move of one tag succeed, never both",
    async run({ store, other }) {
      for (let round = 0; round < 15; round += 1) {
        const seen = { ifMatch: [(await pushSample(store, `before ${round}`, ["v1"])).digest] };
        const [moved, deleted] = await Promise.all([
          put(store, `after ${round}`, seen),
          other.manifests.deleteTag(REPOSITORY, V1, seen).catch(() => false),
        ]);
        expect(deleted).toBe(moved !== "stored");
        const left = deleted ? undefined : sampleManifest(`after ${round}`).digest;
        expect(await current(store)).toBe(left as never);
      }
    },
  },
  {
    name: "lets exactly one of many writers delete a tag that all of them saw, and none if it moved",
    async run({ store, other }) {
      for (let round = 0; round < 10; round += 1) {
        const { digest } = await pushSample(store, `a ${round}`, ["v1"]);
        const deletions = Array.from({ length: 6 }, (_, index) =>
          (index % 2 === 0 ? store : other).manifests
            .deleteTag(REPOSITORY, V1, { ifMatch: [digest] })
            .catch(() => false),
        );
        const moving = pushSample(other, `b ${round}`, ["v1"]);
        const deleted = (await Promise.all(deletions)).filter(Boolean);
        const moved = await moving;
        expect(deleted.length).toBeLessThanOrEqual(1);
        expect(await current(store)).toBe(moved.digest);
      }
    },
  },
];

/** The fault of a write that must fail. */
async function faultOf(write: Promise<unknown>): Promise<string> {
  try {
    await write;
  } catch (error) {
    if (error instanceof RegistryError) return error.fault;
    throw error;
  }
  throw new Error("the write succeeded");
}

/** Pushes a sample; resolves to `stored`, or to the fault. */
async function put(
  store: MetadataStore,
  seed: string,
  condition: WriteCondition,
  tags: readonly string[] = ["v1"],
): Promise<string> {
  try {
    await store.manifests.putManifest(REPOSITORY, sampleManifest(seed), tags.map(tagName), condition);
    return "stored";
  } catch (error) {
    if (error instanceof RegistryError) return error.fault;
    throw error;
  }
}

async function current(store: MetadataStore, tag = "v1") {
  return (await store.manifests.findManifest(REPOSITORY, tagName(tag)))?.digest;
}

/** Many writers push different manifests under one tag; resolves to the digest of the one that succeeds. */
async function race({ store, other }: MetadataStores, condition: WriteCondition, tag: string, round: number) {
  const seeds = Array.from({ length: 12 }, (_, index) => `${tag} ${round} ${index}`);
  const outcomes = await Promise.all(
    seeds.map((seed, index) => put(index % 2 === 0 ? store : other, seed, condition, [tag])),
  );
  const winners = seeds.filter((_, index) => outcomes[index] === "stored");
  expect(winners).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === "precondition-failed")).toHaveLength(seeds.length - 1);
  return sampleManifest(winners[0] as string).digest;
}
