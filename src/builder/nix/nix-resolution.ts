import type {
  HeldParts,
  ImageSettings,
  LastLayer,
  LayerContent,
  Part,
  Resolution,
  StepContext,
} from "../package-source.ts";
import type { EvaluatedPackage } from "./evaluation.ts";
import { imageCommand, NIX_ENVIRONMENT } from "./image-settings.ts";
import { createLinkLayer, linkLayerInputs } from "./link-layer.ts";
import { nixPart } from "./nix-part.ts";
import type { NixStore, StorePathInfo } from "./nix-store.ts";
import { storeArchive } from "./store-archive.ts";

/** Nix sets all times in a store to this one. */
const CREATED_AT = new Date(1_000);

/** What was evaluated and realised for a request. */
export interface ResolvedClosure {
  /** The packages that were named, and those that leading components add. */
  readonly requested: readonly EvaluatedPackage[];
  /** The packages of every image. */
  readonly included: readonly EvaluatedPackage[];
  /** All paths, in ascending order. */
  readonly closure: readonly StorePathInfo[];
  /** What the packages come from, for the lock. */
  readonly origin: Readonly<Record<string, unknown>>;
  readonly system: string;
}

/** The store paths of an image. */
export class NixResolution implements Resolution {
  readonly packages: readonly string[];
  readonly parts: readonly Part[];
  readonly lockInputs: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly lastLayer: LastLayer;
  readonly #resolved: ResolvedClosure;
  readonly #store: NixStore;
  readonly #roots: AsyncDisposable;

  /** @param roots keeps the closure in the store; disposed of with the resolution */
  constructor(resolved: ResolvedClosure, store: NixStore, roots: AsyncDisposable) {
    const { requested, included, closure, origin, system } = resolved;
    this.#resolved = resolved;
    this.#store = store;
    this.#roots = roots;
    this.packages = [...new Set(requested.map(({ attribute }) => attribute))].toSorted();
    const base = reachable(
      included.map(({ path }) => path),
      closure,
    );
    const named = new Set(requested.map(({ path }) => path));
    this.parts = closure.map((info) =>
      nixPart(info, { base: base.has(info.path), requested: named.has(info.path) }),
    );
    const outputs = [...requested, ...included].map(({ attribute, output, path, priority }) => ({
      attribute,
      output,
      path,
      priority,
    }));
    this.lockInputs = {
      origin,
      system,
      outputs: outputs.toSorted((one, other) => (one.attribute < other.attribute ? -1 : 1)),
      closure: closure.map(({ path, narHash, narSize, references }) => ({
        path,
        narHash,
        narSize,
        references,
      })),
    };
    this.description = `Nix packages: ${this.packages.join(" ")}`;
    const links = { outputs: [...requested, ...included], closure };
    this.lastLayer = {
      inputs: linkLayerInputs(links),
      description: "links, accounts, certificates",
      make: () => createLinkLayer(links, store.folders.storePaths),
    };
  }

  async hold(parts: readonly Part[], { signal }: StepContext): Promise<HeldParts> {
    signal.throwIfAborted();
    const missing = await this.#store.missing(
      parts.map(({ id }) => id),
      signal,
    );
    if (missing.length > 0) throw new Error(`not in the store any more: ${missing.join(", ")}`);
    return new HeldPaths(this.#resolved.closure, this.#store.folders.storePaths);
  }

  settings(): ImageSettings {
    const command = imageCommand(this.#resolved.requested);
    return { createdAt: CREATED_AT, environment: NIX_ENVIRONMENT, ...(command && { command }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#roots[Symbol.asyncDispose]();
  }
}

/** Paths that the resolution's roots keep. */
class HeldPaths implements HeldParts {
  readonly #hashes: ReadonlyMap<string, string>;
  readonly #storePaths: string;

  constructor(closure: readonly StorePathInfo[], storePaths: string) {
    this.#hashes = new Map(closure.map(({ path, narHash }) => [path, narHash]));
    this.#storePaths = storePaths;
  }

  layer(parts: readonly Part[], signal: AbortSignal): LayerContent {
    const paths = parts.map(({ id }) => ({ path: id, narHash: this.#hashes.get(id) ?? "" }));
    return { archive: storeArchive(paths, { storeFolder: this.#storePaths, signal }), facts: () => "[]" };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** The paths that `from` refer to, directly or not, and themselves. */
function reachable(from: readonly string[], closure: readonly StorePathInfo[]): ReadonlySet<string> {
  const references = new Map(closure.map((info) => [info.path, info.references]));
  const found = new Set(from);
  for (const path of found) for (const other of references.get(path) ?? []) found.add(other);
  return found;
}
