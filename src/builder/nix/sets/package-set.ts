import type { Clock } from "../../../clock.ts";
import { SingleFlight } from "../../../concurrency/single-flight.ts";
import type { Logger } from "../../../log.ts";
import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore, StorePathInfo } from "../store/nix-store.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

/** A package set as it is at one revision. */
export interface SetState {
  readonly revision: SetRevision;
  /** Its path in the store, where it need not be. */
  readonly path: string;
  /** SHA-256 of its content, in hex: equal hashes, equal sets. */
  readonly narHash: string;
}

/** A package set in the store, where its path stays until this is disposed of. */
export interface PlacedSet extends AsyncDisposable {
  readonly state: SetState;
}

/** Options of a {@link PackageSet}. */
export interface PackageSetOptions {
  /** How long a tag of a remote origin keeps its meaning without a look at the origin, in seconds. */
  readonly refreshSeconds: number;
}

/** What a tag meant, and when the origin said so, in milliseconds since the epoch. */
interface TagFact {
  readonly revision: SetRevision;
  readonly checkedAt: number;
}

/** A tag's meaning in this process: until when, in the clock's milliseconds. */
interface KnownTag {
  readonly state: SetState;
  readonly until: number;
}

const TAGS = "nix/tag";
const REVISIONS = "nix/revision";
/** A folder costs little to look at, but a large set has a hundred thousand files. */
const LOOK_AGAIN_MS = 10_000;
/** After the origin could not be reached, the last known state is used for so long. */
const TRY_AGAIN_MS = 60_000;
const MAX_KNOWN_TAGS = 1_000;
const MAX_ATTEMPTS = 10;

/** The revisions of one package set: which one a tag means, and where it is in the store. */
export class PackageSet {
  readonly #origin: SetOrigin;
  readonly #options: PackageSetOptions;
  readonly #store: NixStore;
  readonly #ledger: SourceLedger;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownTag>();
  readonly #refreshing = new SingleFlight<SetState>();
  readonly #placing = new SingleFlight<SetState>();

  constructor(
    origin: SetOrigin,
    options: PackageSetOptions,
    parts: {
      readonly store: NixStore;
      readonly ledger: SourceLedger;
      readonly log: Logger;
      readonly clock: Clock;
    },
  ) {
    this.#origin = origin;
    this.#options = options;
    this.#store = parts.store;
    this.#ledger = parts.ledger;
    this.#log = parts.log;
    this.#clock = parts.clock;
  }

  /**
   * The set as `tag` means it: as the origin said it a short time or `refreshSeconds` ago, or last, if it cannot be reached.
   *
   * @throws {RegistryError} `manifest-unknown` if there is no such revision; `build-unavailable` if it cannot be read
   */
  async current(tag: string, signal: AbortSignal): Promise<SetState> {
    const known = this.#known.get(tag);
    if (known !== undefined && this.#clock.now() < known.until) return known.state;
    return await this.#refreshing.run(tag, signal, (shared) => this.#refresh(tag, shared));
  }

  /**
   * Puts a state into the store, where its path stays until the result is disposed of. Its own state is another one if
   * the origin changed meanwhile, as a folder does.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async place(state: SetState, signal: AbortSignal): Promise<PlacedSet> {
    await using roots = new AsyncDisposableStack();
    let current = state;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      roots.use(await this.#store.protect([current.path]));
      if (await this.#store.confirm([current.path], signal)) {
        const kept = roots.move();
        return { state: current, [Symbol.asyncDispose]: () => kept.disposeAsync() };
      }
      const { revision } = state;
      current = await this.#placing.run(revision.id, signal, (shared) => this.#place(revision, shared));
    }
    throw new Error("a package set was removed from the Nix store repeatedly");
  }

  async #refresh(tag: string, signal: AbortSignal): Promise<SetState> {
    const startedAt = this.#clock.now();
    if (this.#origin.isLocal) {
      const state = await this.#stateOf(await this.#origin.find(tag, signal), signal);
      return this.#keep(tag, state, startedAt + LOOK_AGAIN_MS);
    }
    const fact = await this.#findTag(tag);
    const leftMs = fact === undefined ? 0 : this.#validMs(fact);
    if (fact !== undefined && leftMs > 0)
      return this.#keep(tag, await this.#stateOf(fact.revision, signal), startedAt + leftMs);
    try {
      const revision = await this.#origin.find(tag, signal);
      const state = await this.#stateOf(revision, signal);
      const found: TagFact = { revision, checkedAt: Date.now() };
      await this.#ledger.putFacts(TAGS, new Map([[this.#key(tag), JSON.stringify(found)]]));
      return this.#keep(tag, state, startedAt + this.#validMs(found));
    } catch (err) {
      const isUnreachable = err instanceof RegistryError && err.fault === "build-unavailable";
      if (fact === undefined || !isUnreachable) throw err;
      const state = await this.#stateOf(fact.revision, signal);
      this.#log.warn(
        { err, revision: fact.revision.id },
        "a package set cannot be reached; using its last known state",
      );
      return this.#keep(tag, state, startedAt + TRY_AGAIN_MS);
    }
  }

  /** For how long a tag's meaning counts, in milliseconds. */
  #validMs({ revision, checkedAt }: TagFact): number {
    if (revision.pinned) return Number.POSITIVE_INFINITY;
    return checkedAt + this.#options.refreshSeconds * 1000 - Date.now();
  }

  #keep(tag: string, state: SetState, until: number): SetState {
    if (this.#known.size >= MAX_KNOWN_TAGS) this.#known.clear();
    this.#known.set(tag, { state, until });
    return state;
  }

  async #findTag(tag: string): Promise<TagFact | undefined> {
    const key = this.#key(tag);
    const text = (await this.#ledger.findFacts(TAGS, [key])).get(key);
    return text === undefined ? undefined : (JSON.parse(text) as TagFact);
  }

  /** The state of a revision, which is put into the store if nothing is known of it. */
  async #stateOf(revision: SetRevision, signal: AbortSignal): Promise<SetState> {
    const key = this.#key(revision.id);
    const text = (await this.#ledger.findFacts(REVISIONS, [key])).get(key);
    if (text !== undefined) return { revision, ...(JSON.parse(text) as Omit<SetState, "revision">) };
    return await this.#placing.run(revision.id, signal, (shared) => this.#place(revision, shared));
  }

  async #place(revision: SetRevision, signal: AbortSignal): Promise<SetState> {
    const { narHash, path } = await this.#add(revision, signal);
    const fact = JSON.stringify({ path, narHash });
    await this.#ledger.putFacts(REVISIONS, new Map([[this.#key(revision.id), fact]]));
    return { revision, path, narHash };
  }

  async #add(revision: SetRevision, signal: AbortSignal): Promise<StorePathInfo> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const path = await this.#origin.place(revision, this.#store, signal);
      await using _ = await this.#store.protect([path]);
      // A collection that runs may not have heard of it.
      if (!(await this.#store.confirm([path], signal))) continue;
      const [info] = await this.#store.infos([path], signal);
      if (info !== undefined) return info;
    }
    throw new Error("a package set was removed from the Nix store repeatedly");
  }

  #key(name: string): string {
    return `${this.#origin.id} ${name}`;
  }
}
