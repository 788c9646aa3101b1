import { expect } from "bun:test";
import fc from "fast-check";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import { repositoryName, requires, sampleBlob, sampleManifest, tagName } from "./metadata-store-samples.ts";

/** A model of a registry with few blobs, manifests and tags, as plain sets. */
class Model {
  readonly blobs = new Set<number>();
  readonly manifests = new Set<number>();
  readonly tags = new Map<string, number>();
  pushed = false;
}

type Command =
  | { readonly do: "link" | "unlink"; readonly blob: number }
  | { readonly do: "push"; readonly manifest: number; readonly tags: readonly string[] }
  | { readonly do: "delete"; readonly manifest: number }
  | { readonly do: "untag"; readonly tag: string };

const FEW = fc.integer({ min: 0, max: 3 });
const TAG = fc.constantFrom("a", "B", "c-1");
const COMMAND: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ do: fc.constantFrom("link" as const, "unlink" as const), blob: FEW }),
  fc.record({ do: fc.constant("push" as const), manifest: FEW, tags: fc.uniqueArray(TAG) }),
  fc.record({ do: fc.constant("delete" as const), manifest: FEW }),
  fc.record({ do: fc.constant("untag" as const), tag: TAG }),
);

/** Manifest `n` needs blob `n` and, from the second on, manifest `n - 1`. */
function manifestOf(number: number) {
  const references = [requires("layer", sampleBlob(`${number}`).digest)];
  if (number > 0) references.push(requires("manifest", sampleManifest(`${number - 1}`).digest));
  return sampleManifest(`${number}`, { references });
}

/** Compares the result of any sequence of changes with a model. */
export const MODEL_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "agrees with a model of sets after any sequence of changes made through either instance",
    async run({ store, other }) {
      let runs = 0;
      const steps = fc.array(fc.tuple(COMMAND, fc.boolean()), { maxLength: 25 });
      const property = fc.asyncProperty(steps, async (commands) => {
        // Each sequence uses a new repository, because the content of others must not matter.
        runs += 1;
        const repository = repositoryName(`model/r${runs}`);
        const model = new Model();
        for (const [command, elsewhere] of commands) {
          await apply(elsewhere ? other : store, repository, model, command);
        }
        await compare(store, repository, model);
        await compare(other, repository, model);
      });
      await fc.assert(property, { numRuns: 30 });
    },
  },
];

async function apply(
  store: MetadataStore,
  repository: ReturnType<typeof repositoryName>,
  model: Model,
  command: Command,
): Promise<void> {
  switch (command.do) {
    case "link": {
      const blob = sampleBlob(`${command.blob}`);
      await store.links.linkBlob(repository, blob, [blob.digest]);
      model.blobs.add(command.blob);
      return;
    }
    case "unlink": {
      const { digest } = sampleBlob(`${command.blob}`);
      expect(await store.links.unlinkBlob(repository, digest)).toBe(model.blobs.delete(command.blob));
      return;
    }
    case "push": {
      const { manifest } = command;
      const lacking =
        Number(!model.blobs.has(manifest)) + Number(manifest > 0 && !model.manifests.has(manifest - 1));
      const missing = await store.manifests.putManifest(
        repository,
        manifestOf(manifest),
        command.tags.map(tagName),
      );
      expect(missing).toHaveLength(lacking);
      if (lacking > 0) return;
      model.pushed = true;
      model.manifests.add(manifest);
      for (const tag of command.tags) model.tags.set(tag, manifest);
      return;
    }
    case "delete": {
      const deleted = await store.manifests.deleteManifest(repository, manifestOf(command.manifest).digest);
      expect(deleted).toBe(model.manifests.delete(command.manifest));
      for (const [tag, manifest] of model.tags) if (manifest === command.manifest) model.tags.delete(tag);
      return;
    }
    case "untag":
      expect(await store.manifests.deleteTag(repository, tagName(command.tag))).toBe(
        model.tags.delete(command.tag),
      );
  }
}

async function compare(
  store: MetadataStore,
  repository: ReturnType<typeof repositoryName>,
  model: Model,
): Promise<void> {
  const tags = await store.listings.listTags(repository, { limit: 100 });
  expect(tags as readonly string[] | undefined).toEqual(
    model.pushed ? [...model.tags.keys()].toSorted() : undefined,
  );
  for (const [tag, manifest] of model.tags) {
    const found = await store.manifests.findManifest(repository, tagName(tag));
    expect(found?.bytes).toEqual(manifestOf(manifest).bytes);
  }
  for (const number of [0, 1, 2, 3]) {
    const manifest = await store.manifests.findManifest(repository, manifestOf(number).digest);
    expect(manifest !== undefined).toBe(model.manifests.has(number));
    const blob = await store.links.findLinkedBlob(repository, sampleBlob(`${number}`).digest);
    expect(blob !== undefined).toBe(model.blobs.has(number));
  }
}
