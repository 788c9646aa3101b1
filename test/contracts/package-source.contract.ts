import { describe, expect, it } from "bun:test";
import {
  type HeldParts,
  type LayerBelow,
  type LayerContent,
  type PackageRequest,
  type PackageSource,
  type Part,
  type Resolution,
  requestsByPlatform,
} from "../../src/builder/package-source.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { parseTag } from "../../src/oci/reference.ts";
import { RegistryError } from "../../src/oci/registry-error.ts";
import { stepContext } from "../support/step-context.ts";

/** A source to test, and names of its packages, as components of an image's name. */
export interface SourceSubject {
  readonly source: PackageSource;
  /** A source of the same packages with another, empty state folder. */
  readonly elsewhere: PackageSource;
  /** A package that needs `needed`. */
  readonly needing: string;
  readonly needed: string;
  /** A package that is independent of both. */
  readonly apart: string;
  /** Two packages that do not exist. */
  readonly unknown: readonly [string, string];
}

interface SourceCase {
  readonly name: string;
  run(subject: SourceSubject): Promise<void>;
}

const AMD64 = { os: "linux", architecture: "amd64" };
/** Time limit of one case, in milliseconds; only a safety net. */
const GIVE_UP_MS = 120_000;

function read(source: PackageSource, ...names: readonly string[]): PackageRequest {
  return source.read(names, parseTag("latest"), AMD64);
}

function resolve(source: PackageSource, ...names: readonly string[]): Promise<Resolution> {
  return source.resolve(read(source, ...names), stepContext());
}

async function digestOfLayer(layer: LayerContent): Promise<Digest> {
  return (await storedLayer(layer)).diffId;
}

/** A layer as those above it see it. */
async function storedLayer({ archive, facts }: LayerContent): Promise<LayerBelow> {
  const bytes = Buffer.concat(await Array.fromAsync(archive));
  async function* open() {
    yield bytes;
  }
  return { diffId: digestOf(bytes), facts: facts(), open };
}

/** Digests of layers, one for each part, and the facts, last layer and settings. */
async function layersOf(resolution: Resolution, held: HeldParts, signal = new AbortController().signal) {
  const stored: { readonly layer: LayerBelow; readonly base: boolean }[] = [];
  for (const part of resolution.parts) {
    await held.ready([part], signal);
    stored.push({ layer: await storedLayer(held.layer([part], signal)), base: part.base });
  }
  const facts = stored.map(({ layer }) => layer.facts);
  const digests = stored.map(({ layer }) => layer.diffId);
  const derived: Digest[] = [];
  for (const { above, make } of resolution.derivedLayers) {
    const below = stored.filter(({ base }) => base || above === "all").map(({ layer }) => layer);
    const layer = await storedLayer(make(below, stepContext(signal)));
    derived.push(layer.diffId);
    stored.push({ layer, base: true });
  }
  return { digests, facts, derived, settings: resolution.settings(facts) };
}

async function imageOf(source: PackageSource, ...names: readonly string[]) {
  await using resolution = await resolve(source, ...names);
  await using held = await resolution.hold(resolution.parts, stepContext());
  return await layersOf(resolution, held);
}

function inputsOf({ derivedLayers }: Resolution) {
  return derivedLayers.map(({ inputs }) => inputs);
}

function holding(parts: readonly Part[], name: string): readonly Part[] {
  return parts.filter(({ label, bucket }) => `${bucket} ${label}`.includes(name));
}

/** Tests of every {@link PackageSource}. */
const PACKAGE_SOURCE_CASES: readonly SourceCase[] = [
  {
    name: "reports that it is available, and a version",
    async run({ source }) {
      expect(await source.available()).toMatchObject({
        available: true,
        detail: expect.stringMatching(/\d/),
      });
      expect(source.example).toStartWith(`${source.name}/`);
      expect(source.formatVersion).toContain(source.name);
    },
  },
  {
    name: "reads names of the same image as equal requests",
    async run({ source, needing, apart }) {
      const request = read(source, needing, apart);
      expect(read(source, apart, needing, apart)).toEqual(request);
      expect(request.packages).toEqual([...new Set(request.packages)].toSorted());
      expect(request).toMatchObject({ platform: AMD64, revision: "latest" });
      const arm64 = { os: "linux", architecture: "arm64" };
      expect(read(source, "arm64", needing).platform).toEqual(arm64);
      expect(() => read(source)).toThrow(RegistryError);
      const both = { ...read(source, needing), platform: AMD64, furtherPlatforms: [arm64] };
      expect(read(source, "arm64", "amd64", needing)).toEqual(both);
      expect(requestsByPlatform(both).map(({ platform }) => platform)).toEqual([AMD64, arm64]);
    },
  },
  {
    name: "names every unknown package of a request, whether or not it was checked before",
    async run({ source, needing, unknown }) {
      const request = read(source, needing, ...unknown);
      for (const failing of [
        () => source.check(request).then(() => source.resolve(request, stepContext())),
        () => source.resolve(request, stepContext()),
      ]) {
        const error = await failing().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toMatchObject({
          fault: "package-unknown",
          detail: { packages: expect.arrayContaining([...unknown]) },
        });
        expect((error as RegistryError).message).not.toContain(needing);
      }
    },
  },
  {
    name: "accepts a request that it can resolve, and returns the revision of its packages",
    async run({ source, needing }) {
      const revision = await source.check(read(source, needing));
      expect(await source.check(read(source, needing))).toBe(revision);
    },
  },
  {
    name: "resolves the named packages and what they need, each part once, in ascending order",
    async run({ source, needing, needed, apart }) {
      await using resolution = await resolve(source, needing);
      const { parts } = resolution;
      expect(holding(parts, needing)).not.toEqual([]);
      expect(holding(parts, needed)).not.toEqual([]);
      expect(holding(parts, apart)).toEqual([]);
      const ids = parts.map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].toSorted());
      for (const part of parts) {
        expect(part.sizeBytes).toBeGreaterThanOrEqual(0);
        for (const text of [part.id, part.label, part.bucket, part.contentKey]) expect(text).not.toBe("");
      }
    },
  },
  {
    name: "resolves equal requests to equal parts and lock inputs, in any state folder",
    async run({ source, elsewhere, needing, apart }) {
      await using one = await resolve(source, needing, apart);
      for (const [place, names] of [
        [source, [apart, needing]],
        [elsewhere, [needing, apart]],
      ] as const) {
        await using other = await resolve(place, ...names);
        expect(other.packages).toEqual(one.packages);
        expect(other.parts).toEqual(one.parts);
        expect(JSON.stringify(other.lockInputs)).toBe(JSON.stringify(one.lockInputs));
        expect(inputsOf(other)).toEqual(inputsOf(one));
        expect(other.description).toBe(one.description);
      }
      await using less = await resolve(source, needing);
      expect(JSON.stringify(less.lockInputs)).not.toBe(JSON.stringify(one.lockInputs));
      expect(inputsOf(less).at(-1)).not.toEqual(inputsOf(one).at(-1));
      expect(one.derivedLayers.at(-1)?.above).toBe("all");
    },
  },
  {
    name: "makes the same layers and settings each time, in any state folder",
    async run({ source, elsewhere, needing }) {
      const image = await imageOf(source, needing);
      expect(await imageOf(source, needing)).toEqual(image);
      expect(await imageOf(elsewhere, needing)).toEqual(image);
    },
  },
  {
    name: "makes a layer that depends only on its parts",
    async run({ source, needing, apart }) {
      await using small = await resolve(source, needing);
      await using large = await resolve(source, needing, apart);
      const some = small.parts.slice(0, 2);
      const keys = some.map(({ contentKey }) => contentKey);
      const same = large.parts.filter(({ contentKey }) => keys.includes(contentKey));
      expect(same).toHaveLength(some.length);
      await using one = await small.hold(some, stepContext());
      await using other = await large.hold(same, stepContext());
      const signal = new AbortController().signal;
      expect(await digestOfLayer(other.layer(same, signal))).toBe(
        await digestOfLayer(one.layer(some, signal)),
      );
      const keysOf = new Set(large.parts.map(({ contentKey }) => contentKey));
      expect(keysOf.size).toBe(large.parts.length);
    },
  },
  {
    name: "holds parts for several users at a time, until each has released them",
    async run({ source, needing }) {
      await using resolution = await resolve(source, needing);
      const [one, other] = await Promise.all([
        resolution.hold(resolution.parts, stepContext()),
        resolution.hold(resolution.parts, stepContext()),
      ]);
      await one[Symbol.asyncDispose]();
      const { digests } = await layersOf(resolution, other);
      expect(digests).toHaveLength(resolution.parts.length);
      await other[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
    },
  },
  {
    name: "stops with the reason of a signal, and works afterwards",
    async run({ elsewhere: source, needing }) {
      const reason = new Error("nobody waits any more");
      const aborted = stepContext(AbortSignal.abort(reason));
      await expect(source.resolve(read(source, needing), aborted)).rejects.toBe(reason);
      await using resolution = await resolve(source, needing);
      await expect(resolution.hold(resolution.parts, aborted)).rejects.toBe(reason);
      await using held = await resolution.hold(resolution.parts, stepContext());
      expect((await layersOf(resolution, held)).digests).toHaveLength(resolution.parts.length);
    },
  },
];

/** Registers the contract's tests for one implementation. All cases share the subject that `subject` returns. */
export function packageSourceContract(title: string, subject: () => SourceSubject): void {
  describe(`PackageSource contract: ${title}`, () => {
    for (const { name, run } of PACKAGE_SOURCE_CASES) it(name, () => run(subject()), GIVE_UP_MS);
  });
}
