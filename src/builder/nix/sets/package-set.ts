import type { Clock } from "../../../clock.ts";
import { SingleFlight } from "../../../concurrency/single-flight.ts";
import type { Logger } from "../../../log.ts";
import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore, StorePathInfo } from "../store/nix-store.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

/** A package set at one revision. */
export interface SetState {
  readonly revision: SetRevision;
  /** Its path in the store. It is not necessarily there. */
  readonly path: string;
  /** SHA-256 of its content, in hex. Equal hashes mean equal sets. */
  readonly narHash: string;
}

/** A package set in the store, where its path stays until this is disposed of. */
export interface PlacedSet extends AsyncDisposable {
  readonly state: SetState;
}

/** Options of a {@link PackageSet}. */
export interface PackageSetOptions {
  /** How long to use a tag's meaning before asking a remote origin again, in seconds. */
  readonly refreshSeconds: number;
}

/** The revision that a tag meant, and when the origin said so, in milliseconds since the epoch. */
interface TagFact {
  readonly revision: SetRevision;
  readonly checkedAt: number;
}

/** A tag's meaning in this process, valid until a time of the clock in milliseconds. */
interface KnownTag {
  readonly state: SetState;
  readonly until: number;
}

const TAGS = "nix/tag";
const REVISIONS = "nix/revision";
/**
 * How long to use what a tag of a local folder means, in milliseconds. Checking a folder is quick, but a large set has
 * a hundred thousand files.
 */
const LOOK_AGAIN_MS = 10_000;
/** How long to use the last known state after the origin could not be reached, in milliseconds. */
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
   * The state of the set that `tag` means. It can be out of date by a short time or by `refreshSeconds`. If the origin
   * cannot be reached, the last known state is used.
   *
   * @throws {RegistryError} `manifest-unknown` if there is no such revision; `build-unavailable` if it cannot be read
   */
  async current(tag: string, signal: AbortSignal): Promise<SetState> {
    const known = this.#known.get(tag);
    if (known !== undefined && this.#clock.now() < known.until) return known.state;
    return await this.#refreshing.run(tag, signal, (shared) => this.#refresh(tag, shared));
  }

  /**
   * Puts a state into the store, where its path stays until the result is disposed of. The result has another state if
   * the origin, such as a folder, changed in the meantime.
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

  /** How long a tag's meaning is valid, in milliseconds. */
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

  /** The state of a revision. If it is not known, puts the revision into the store. */
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
      // A collection that is already running may not respect the protection.
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
