import { expect, it } from "bun:test";
import { join } from "node:path";
import type { MetadataStore } from "../../src/metadata/metadata-store.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { CASE_TIMEOUT_MS, METADATA_STORE_CASES } from "./metadata-store.contract.ts";

type Breakage = (store: MetadataStore) => Partial<MetadataStore>;

/** Names of the cases that a store fails once `breakage` replaced some of its methods. */
async function failedCases(breakage: Breakage): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of METADATA_STORE_CASES) {
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

it(
  "passes a store that is whole",
  async () => {
    expect(await failedCases(() => ({}))).toEqual([]);
  },
  CASE_TIMEOUT_MS,
);

it(
  "fails a store that writes before it checks the references",
  async () => {
    const failed = await failedCases((store) => ({
      async putManifest(repository, manifest, tags) {
        const missing = await store.putManifest(repository, manifest, tags);
        if (missing.length > 0) await store.putManifest(repository, { ...manifest, references: [] }, tags);
        return missing;
      },
    }));
    expect(failed).toContain("names every missing reference in order and writes nothing");
    expect(failed).toContain(
      "leaves no repository behind when the first manifest pushed to it lacks something",
    );
  },
  CASE_TIMEOUT_MS,
);

it(
  "fails a store that checks the references before the transaction",
  async () => {
    const failed = await failedCases((store) => ({
      async putManifest(repository, manifest, tags) {
        const missing = [];
        for (const reference of manifest.references.filter(({ optional }) => !optional)) {
          const held = await (reference.kind === "manifest"
            ? store.findManifest(repository, reference.digest)
            : store.findLinkedBlob(repository, reference.digest));
          if (!held) missing.push(reference);
        }
        await Bun.sleep(2);
        if (missing.length > 0) return missing;
        return store.putManifest(repository, { ...manifest, references: [] }, tags);
      },
    }));
    expect(failed).toContain(
      "never stores an index after one of its manifests was deleted, at the very same time too",
    );
    expect(failed).toContain(
      "never stores a manifest after one of its blobs was unlinked, at the very same time too",
    );
  },
  CASE_TIMEOUT_MS,
);

it(
  "fails a store that keeps manifests in memory without asking whether they changed",
  async () => {
    const failed = await failedCases((store) => {
      const kept = new Map<string, Awaited<ReturnType<MetadataStore["findManifest"]>>>();
      return {
        async findManifest(repository, reference) {
          const key = `${repository}@${reference}`;
          const manifest = kept.get(key) ?? (await store.findManifest(repository, reference));
          kept.set(key, manifest);
          return manifest;
        },
      };
    });
    expect(failed).toContain("keeps no manifest in memory beyond a change, its own or another instance's");
  },
  CASE_TIMEOUT_MS,
);

it(
  "fails a store that reaches a blob through any repository",
  async () => {
    const failed = await failedCases((store) => ({
      async findLinkedBlob(repository, digest) {
        const [linking = repository] = await store.listRepositoriesLinking(digest, { limit: 1 });
        return store.findLinkedBlob(linking, digest);
      },
    }));
    expect(failed).toContain(
      "finds a linked blob with its size, in the repository that links it and in no other",
    );
  },
  CASE_TIMEOUT_MS,
);
