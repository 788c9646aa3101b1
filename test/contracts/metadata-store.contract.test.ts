import { expect, it } from "bun:test";
import { join } from "node:path";
import type { ManifestLedger } from "../../src/metadata/ports/manifest-ledger.ts";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import type { Tag } from "../../src/oci/reference.ts";
import { requireCondition } from "../../src/oci/write-condition.ts";
import { delegating } from "../support/delegating.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { CASE_TIMEOUT_MS, METADATA_STORE_CASES } from "./metadata-store.contract.ts";

type Breakage = (store: MetadataStore) => Partial<MetadataStore>;

/** Checks conditions before the transaction. The first writer of a tag waits until a second one has checked too. */
function checksBeforeTheTransaction(): Breakage {
  const checked = new Map<string, number>();
  return (store) => ({
    manifests: delegating(store.manifests, {
      async putManifest(repository, manifest, tags, condition) {
        for (const tag of condition === undefined ? [] : tags) {
          const found = await store.manifests.findManifest(repository, tag);
          const current = found && { digest: found.digest, names: [found.digest] };
          requireCondition(condition ?? {}, tag, current);
          checked.set(tag, (checked.get(tag) ?? 0) + 1);
          await eventually(() => (checked.get(tag) ?? 0) > 1);
        }
        return store.manifests.putManifest(repository, manifest, tags);
      },
    }),
  });
}

/** Stores that break the contract, each with the cases that must fail because of it. */
const BROKEN_STORES: readonly {
  readonly store: string;
  readonly breakage: Breakage;
  readonly fails: readonly string[];
}[] = [
  {
    store: "a store that writes before it checks the references",
    breakage: (store) => ({
      manifests: delegating(store.manifests, {
        async putManifest(repository, manifest, tags, condition) {
          const missing = await store.manifests.putManifest(repository, manifest, tags, condition);
          if (missing.length > 0)
            await store.manifests.putManifest(repository, { ...manifest, references: [] }, tags, condition);
          return missing;
        },
      }),
    }),
    fails: [
      "names every missing reference in order and writes nothing",
      "creates no repository if a reference of its first manifest is missing",
    ],
  },
  {
    store: "a store that checks the references before the transaction",
    breakage: (store) => ({
      manifests: delegating(store.manifests, {
        async putManifest(repository, manifest, tags, condition) {
          const missing = [];
          for (const reference of manifest.references.filter(({ optional }) => !optional)) {
            const held = await (reference.kind === "manifest"
              ? store.manifests.findManifest(repository, reference.digest)
              : store.links.findLinkedBlob(repository, reference.digest));
            if (!held) missing.push(reference);
          }
          if (missing.length > 0) return missing;
          // Wait until the other store has removed the references.
          for (const { digest } of manifest.references) {
            await eventually(
              async () =>
                !(
                  (await store.manifests.findManifest(repository, digest)) ??
                  (await store.links.findLinkedBlob(repository, digest))
                ),
            );
          }
          return store.manifests.putManifest(repository, { ...manifest, references: [] }, tags, condition);
        },
      }),
    }),
    fails: [
      "never stores an index without one of its manifests, even if that is deleted at the same time",
      "never stores a manifest without one of its blobs, even if that is unlinked at the same time",
    ],
  },
  {
    store: "a store that checks a condition before the transaction",
    breakage: checksBeforeTheTransaction(),
    fails: [
      "lets exactly one of many writers create a tag at the same time",
      "lets exactly one of many writers move a tag from the manifest that all of them saw",
    ],
  },
  {
    store: "a store that caches manifests without checking whether they changed",
    breakage: (store) => {
      const kept = new Map<string, Awaited<ReturnType<ManifestLedger["findManifest"]>>>();
      return {
        manifests: delegating(store.manifests, {
          async findManifest(repository, reference) {
            const key = `${repository}@${reference}`;
            const manifest = kept.get(key) ?? (await store.manifests.findManifest(repository, reference));
            kept.set(key, manifest);
            return manifest;
          },
        }),
      };
    },
    fails: ["returns no cached manifest after a change by its own or another instance"],
  },
  {
    store: "a store that still lists the tags of deleted manifests",
    breakage: (store) => {
      const listed = new Set<Tag>();
      return {
        listings: delegating(store.listings, {
          async listTags(repository, page) {
            for (const tag of (await store.listings.listTags(repository, page)) ?? []) listed.add(tag);
            return [...listed];
          },
        }),
      };
    },
    fails: ["never shows a tag without its manifest while the tag moves and manifests come and go"],
  },
  {
    store: "a store that reaches a blob through any repository",
    breakage: (store) => ({
      links: delegating(store.links, {
        async findLinkedBlob(repository, digest) {
          const [linking = repository] = await store.links.listRepositoriesLinking(digest, { limit: 1 });
          return store.links.findLinkedBlob(linking, digest);
        },
      }),
    }),
    fails: ["finds a linked blob with its size, in the repository that links it and in no other"],
  },
  {
    store: "a store that drops wildcards from a word",
    breakage: (store) => ({
      packageIndex: delegating(store.packageIndex, {
        findPackages: (source, word, limit) =>
          store.packageIndex.findPackages(source, word.replaceAll(/[%_]/g, ""), limit),
      }),
    }),
    fails: ["matches the characters of a word literally, wildcards and backslashes too, in any letter case"],
  },
  {
    store: "a store that uses an index before it is complete",
    breakage: (store) => ({
      packageIndex: delegating(store.packageIndex, {
        async addToIndex(id, packages) {
          await store.packageIndex.addToIndex(id, packages);
          await store.packageIndex.completeIndex(id);
        },
        completeIndex: async () => {},
      }),
    }),
    fails: [
      "searches the last complete index while another is written, and the new one once it is complete",
      "adds nothing to an index, and never completes it, after another one of the source was begun",
      "keeps the first of several packages of one name, in one call or several",
    ],
  },
];

/** The cases among `names` that a store fails once `breakage` has replaced some of its methods. */
async function failedCases(breakage: Breakage, names: readonly string[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of METADATA_STORE_CASES.filter(({ name }) => names.includes(name))) {
    await using folder = await temporaryFolder("contract-bites");
    const open = async () => openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.db")));
    await using store = await open();
    await using other = await open();
    const broken = (whole: MetadataStore) => ({ ...whole, ...breakage(whole) });
    try {
      await run({ store: broken(store), other: broken(other) });
    } catch {
      failed.push(name);
    }
  }
  return failed;
}

// The store itself passes all cases in sql-metadata-store.test.ts. Here it passes those that the broken stores fail, so
// each failure below comes from what was broken.
it(
  "passes a store without faults",
  async () => {
    const names = BROKEN_STORES.flatMap(({ fails }) => fails);
    expect(await failedCases(() => ({}), names)).toEqual([]);
  },
  CASE_TIMEOUT_MS,
);

it.each(BROKEN_STORES)(
  "fails $store",
  async ({ breakage, fails }) => {
    expect((await failedCases(breakage, fails)).toSorted()).toEqual(fails.toSorted());
  },
  CASE_TIMEOUT_MS,
);
