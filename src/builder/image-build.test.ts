import { expect, it, setDefaultTimeout } from "bun:test";
import { delegating } from "../../test/support/delegating.ts";
import { describeWith } from "../../test/support/requirements.ts";
import {
  HAS_APT,
  LATEST,
  layersOf,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { archiveOf } from "./archive/archive-writer.ts";
import { LayerTree } from "./archive/layer-tree.ts";
import type { ImageFinisher } from "./debian/image-finisher.ts";
import { packageName, parseFacts } from "./debian/package-facts.ts";
import type { DerivedLayer, LayerBelow, LayerContent, PackageSource } from "./package-source.ts";
import { nixeryPlan } from "./plan/nixery-plan.ts";
import { NO_POPULARITY } from "./plan/popularity.ts";
import { sizePlan } from "./plan/size-plan.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

interface Seen {
  readonly above: DerivedLayer["above"];
  readonly packages: readonly string[];
  readonly below: number;
}

/** A finisher with a layer on the base packages and one on all, which reads and notes what lies below each. */
function watchingFinisher(seen: Seen[], onSeen: () => void = () => {}): ImageFinisher {
  const layer = (above: DerivedLayer["above"]): DerivedLayer => ({
    above,
    inputs: [`test-${above}`],
    description: above,
    make: (below) => ({
      archive: archiveOf(async (archive) => {
        await checkArchives(below);
        const facts = below.map((one) => one.facts).filter((one) => one !== "derived");
        seen.push({ above, packages: parseFacts(facts).map(packageName), below: below.length });
        onSeen();
        await new LayerTree(archive).addFile(above, Buffer.from(above), new Date(0));
      }),
      facts: () => "derived",
    }),
  });
  return { finish: () => ({ mode: "unpacked", formatVersion: 0, layers: [layer("base"), layer("all")] }) };
}

/** A finisher that says when it begins with a layer. */
function telling(finisher: ImageFinisher, begun: () => void): ImageFinisher {
  return {
    finish: (...request) => {
      const finish = finisher.finish(...request);
      const layers = finish.layers.map((layer) => ({
        ...layer,
        make: (...parts: Parameters<DerivedLayer["make"]>) => {
          begun();
          return layer.make(...parts);
        },
      }));
      return { ...finish, layers };
    },
  };
}

/** A source whose layers without base packages come only once `ready` resolves. */
function waitingSource(source: PackageSource, ready: Promise<void>): PackageSource {
  const later = (content: LayerContent): LayerContent => ({
    ...content,
    archive: (async function* () {
      await ready;
      yield* content.archive;
    })(),
  });
  return delegating(source, {
    resolve: async (request, context) => {
      const resolution = await source.resolve(request, context);
      return delegating(resolution, {
        hold: async (parts, step) => {
          const held = await resolution.hold(parts, step);
          const layer: typeof held.layer = (some, signal) => {
            const content = held.layer(some, signal);
            return some.some(({ base }) => base) ? content : later(content);
          };
          return delegating(held, { layer });
        },
      });
    },
  });
}

/** Each layer can be read, and is what its digest says. */
async function checkArchives(below: readonly LayerBelow[]): Promise<void> {
  for (const { open, diffId } of below) {
    const bytes = Buffer.concat(await Array.fromAsync(open()));
    if (digestOf(bytes) !== diffId) throw new Error("another archive");
  }
}

describeWith("an image with a layer above its base packages", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const rules = [
    { plan: sizePlan, budget: 94 },
    { plan: sizePlan, budget: 4 },
    { plan: nixeryPlan(NO_POPULARITY), budget: 8 },
  ];

  it.each(rules.map((rule) => [`${rule.plan.kind}, ${rule.budget} layers`, rule] as const))(
    "has it below all other packages: %s",
    async (name, layerRules) => {
      const seen: Seen[] = [];
      await using registry = await shared.distribution.open(`derived-${name.replaceAll(/\W+/g, "-")}`, {
        finisher: watchingFinisher(seen),
        layerRules,
      });
      const image = parseRepositoryName("apt/curl/git");
      await registry.builder.ensure(image, LATEST, SOMEBODY);
      const [base, all] = seen;
      expect(seen.map(({ above }) => above)).toEqual(["base", "all"]);
      expect(base?.packages).toEqual(["certificates", "shell"]);
      expect(all?.packages).toEqual(
        expect.arrayContaining(["certificates", "curl", "git", "part-0", "shell"]),
      );
      const layers = await layersOf(registry, "apt/curl/git");
      expect(layers.length).toBe((all?.below ?? 0) + 1);
      expect(layers.length).toBeLessThanOrEqual(layerRules.budget);
    },
  );

  it.each([1, 8])("is made while the layers above it wait: %d processors", async (processors) => {
    const seen: Seen[] = [];
    const made = Promise.withResolvers<void>();
    await using registry = await shared.distribution.open(`derived-beside-${processors}`, {
      finisher: watchingFinisher(seen, made.resolve),
      change: ({ sources }) => ({
        processors,
        sources: sources.map((one) => waitingSource(one, made.promise)),
      }),
    });
    await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    expect(seen.map(({ above }) => above)).toEqual(["base", "all"]);
  });

  it("is made while the parts of the layers above it are still to come", async () => {
    const seen: Seen[] = [];
    const made = Promise.withResolvers<void>();
    const slow = (source: PackageSource): PackageSource =>
      delegating(source, {
        resolve: async (request, context) => {
          const resolution = await source.resolve(request, context);
          return delegating(resolution, {
            hold: async (parts, step) => {
              const held = await resolution.hold(parts, step);
              const ready: typeof held.ready = async (some, signal) => {
                if (!some.some(({ base }) => base)) await made.promise;
                await held.ready(some, signal);
              };
              return delegating(held, { ready });
            },
          });
        },
      });
    await using registry = await shared.distribution.open("derived-before-parts", {
      finisher: watchingFinisher(seen, made.resolve),
      change: ({ sources }) => ({ processors: 1, sources: sources.map(slow) }),
    });
    await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    expect(seen.map(({ above }) => above)).toEqual(["base", "all"]);
  });

  it("is compressed once all have been unpacked, with few processors", async () => {
    const begun = Promise.withResolvers<void>();
    let early = 0;
    let isBegun = false;
    const begin = () => {
      isBegun = true;
      begun.resolve();
    };
    await using registry = await shared.distribution.open("derived-first", {
      finisher: telling(watchingFinisher([]), begin),
      change: ({ sources, gzip }) => ({
        processors: 2,
        sources: sources.map((one) => waitingSource(one, begun.promise)),
        gzip: delegating(gzip, {
          compress: (block) => {
            if (!isBegun) early += 1;
            return gzip.compress(block);
          },
        }),
      }),
    });
    await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    expect(early).toBe(0);
  });

  it("is compressed while others are unpacked, with many processors", async () => {
    const compressing = Promise.withResolvers<void>();
    await using registry = await shared.distribution.open("derived-together", {
      finisher: watchingFinisher([]),
      change: ({ sources, gzip }) => ({
        processors: 3,
        sources: sources.map((one) => waitingSource(one, compressing.promise)),
        gzip: delegating(gzip, {
          compress: (block) => {
            compressing.resolve();
            return gzip.compress(block);
          },
        }),
      }),
    });
    await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
  });

  it("is begun before the layers below it are stored", async () => {
    const seen: Seen[] = [];
    const made = Promise.withResolvers<void>();
    await using registry = await shared.distribution.open("derived-early", {
      finisher: telling(watchingFinisher(seen), made.resolve),
      change: ({ registry: store }) => ({
        registry: delegating(store, {
          ingest: async (bytes) => {
            await made.promise;
            return await store.ingest(bytes);
          },
        }),
      }),
    });
    await registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    expect(seen.map(({ above }) => above)).toEqual(["base", "all"]);
  });

  it("fails if a layer cannot be stored, even one whose archive has ended", async () => {
    const begun = Promise.withResolvers<void>();
    await using registry = await shared.distribution.open("derived-fails", {
      finisher: telling(watchingFinisher([]), begun.resolve),
      change: ({ registry: store }) => ({
        registry: delegating(store, {
          ingest: async () => {
            await begun.promise;
            throw new RegistryError("storage-full", "the test's storage is full");
          },
        }),
      }),
    });
    const building = registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    const failure = await building.catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RegistryError);
    expect((failure as RegistryError).message).toBe("the test's storage is full");
  });

  it.each(["base", "all"])("fails if a layer cannot be begun: %s", async (which) => {
    const finisher = watchingFinisher([]);
    const broken: ImageFinisher = {
      finish: (...request) => {
        const finish = finisher.finish(...request);
        const layers = finish.layers.map((layer) =>
          layer.description === which
            ? {
                ...layer,
                make: () => {
                  throw new RegistryError("build-failed", "the test makes no layer");
                },
              }
            : layer,
        );
        return { ...finish, layers };
      },
    };
    await using registry = await shared.distribution.open(`derived-throws-${which}`, { finisher: broken });
    const building = registry.builder.ensure(parseRepositoryName("apt/curl/git"), LATEST, SOMEBODY);
    expect(String(await building.catch((error: unknown) => error))).toContain("the test makes no layer");
  });
});
