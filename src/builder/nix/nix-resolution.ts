import type { Logger } from "../../log.ts";
import type {
  DerivedLayer,
  HeldParts,
  ImageSettings,
  LayerContent,
  Part,
  Resolution,
  StepContext,
} from "../package-source.ts";
import type { Popularity } from "../plan/popularity.ts";
import type { EvaluatedPackage } from "./evaluation/evaluation.ts";
import { imageCommand, NIX_ENVIRONMENT } from "./image-settings.ts";
import { createLinkLayer, linkLayerInputs } from "./links/link-layer.ts";
import type { LinkCollision } from "./links/link-tree.ts";
import { nixPart } from "./nix-part.ts";
import type { PathSupply } from "./store/path-supply.ts";
import type { TreeEntry } from "./store/read-tree.ts";
import type { RecordedPath, StoreLedger } from "./store/store-ledger.ts";
import type { StoreReader } from "./store/store-reader.ts";

/** The time that Nix gives all files in a store. */
const CREATED_AT = new Date(1_000);
const COLLISIONS_LOGGED = 10;

/** What a request means. */
export interface ResolvedClosure {
  /** The named packages, and those that leading components add. */
  readonly requested: readonly EvaluatedPackage[];
  /** The packages of every image. */
  readonly included: readonly EvaluatedPackage[];
  /** All paths, in ascending order. */
  readonly closure: readonly RecordedPath[];
  /** Where the packages come from, for the lock. */
  readonly origin: Readonly<Record<string, unknown>>;
  readonly system: string;
  /** Popularity of the set's packages, if the configuration asks for it. */
  readonly popularity?: Popularity | undefined;
}

/** The parts that a {@link NixResolution} works with. */
export interface NixResolutionParts {
  /** Disposed of with the resolution. */
  readonly supply: PathSupply;
  readonly reader: StoreReader;
  readonly ledger: StoreLedger;
  readonly log: Logger;
}

/** The store paths of an image. They are put into the store only for layers that must be made. */
export class NixResolution implements Resolution {
  readonly packages: readonly string[];
  readonly parts: readonly Part[];
  readonly lockInputs: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly derivedLayers: readonly DerivedLayer[];
  readonly popularity: Popularity | undefined;
  readonly #resolved: ResolvedClosure;
  readonly #parts: NixResolutionParts;
  readonly #infos: ReadonlyMap<string, RecordedPath>;

  constructor(resolved: ResolvedClosure, parts: NixResolutionParts) {
    const { requested, included, closure } = resolved;
    this.#resolved = resolved;
    this.#parts = parts;
    this.popularity = resolved.popularity;
    this.#infos = new Map(closure.map((info) => [info.path, info]));
    this.packages = [...new Set(requested.map(({ attribute }) => attribute))].toSorted();
    const base = reachable(
      included.map(({ path }) => path),
      this.#infos,
    );
    const named = new Set(requested.map(({ path }) => path));
    const facts = new Map([...included, ...requested].map((one) => [one.path, one]));
    this.parts = closure.map((info) => {
      const place = { base: base.has(info.path), requested: named.has(info.path) };
      return nixPart(info, place, facts.get(info.path));
    });
    this.lockInputs = lockInputs(resolved);
    this.description = `Nix packages: ${this.packages.join(" ")}`;
    const links = { outputs: [...requested, ...included], closure };
    this.derivedLayers = [
      {
        above: "all",
        inputs: ["top-2", ...linkLayerInputs(links)],
        description: "links, accounts, certificates",
        make: (_, { signal }) =>
          createLinkLayer(links, {
            trees: (paths) => this.#trees(paths, signal),
            onCollisions: (collisions) => this.#logCollisions(collisions),
          }),
      },
    ];
  }

  async hold(parts: readonly Part[], { signal }: StepContext): Promise<HeldParts> {
    await this.#parts.supply.bring(this.#infosOf(parts.map(({ id }) => id)), signal);
    return {
      ready: () => Promise.resolve(),
      layer: (some, shared): LayerContent => ({
        archive: this.#parts.reader.archive(this.#infosOf(some.map(({ id }) => id)), shared),
        facts: () => "[]",
      }),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  settings(): ImageSettings {
    const command = imageCommand(this.#resolved.requested);
    return { createdAt: CREATED_AT, environment: NIX_ENVIRONMENT, ...(command && { command }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.supply[Symbol.asyncDispose]();
  }

  #logCollisions(collisions: readonly LinkCollision[]): void {
    const first = collisions.slice(0, COLLISIONS_LOGGED);
    this.#parts.log.info(
      { packages: this.packages, count: collisions.length, first },
      "several packages contain the same paths; only one of each is linked",
    );
  }

  /** The trees of paths of the closure. Reads from the store only those that the ledger does not have. */
  async #trees(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, readonly TreeEntry[]>> {
    const { ledger, supply, reader } = this.#parts;
    const trees = new Map<string, readonly TreeEntry[]>();
    const others: RecordedPath[] = [];
    for (const info of this.#infosOf(paths)) {
      const tree = await ledger.tree(info);
      if (tree === undefined) others.push(info);
      else trees.set(info.path, tree);
    }
    if (others.length > 0) await supply.bring(others, signal);
    for (const info of others) trees.set(info.path, await reader.tree(info, signal));
    return trees;
  }

  #infosOf(paths: readonly string[]): readonly RecordedPath[] {
    return paths.flatMap((path) => this.#infos.get(path) ?? []);
  }
}

/** Everything that an image depends on, without what differs between hosts that build the same image. */
function lockInputs({ requested, included, closure, origin, system }: ResolvedClosure) {
  const outputs = [...requested, ...included].map(({ attribute, output, path, priority }) => ({
    attribute,
    output,
    path,
    priority,
  }));
  return {
    origin,
    system,
    outputs: outputs.toSorted((one, other) => (one.attribute < other.attribute ? -1 : 1)),
    closure: closure.map(({ path, narHash, narSize, references, replaces }) => ({
      path,
      narHash,
      narSize,
      references,
      ...(replaces && { replaces }),
    })),
  };
}

/** The paths in `from`, and all that they refer to, directly or not. */
function reachable(from: readonly string[], infos: ReadonlyMap<string, RecordedPath>): ReadonlySet<string> {
  const found = new Set(from);
  for (const path of found) for (const other of infos.get(path)?.references ?? []) found.add(other);
  return found;
}
