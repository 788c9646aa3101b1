import type { NixStore } from "../store/nix-store.ts";

/** A fixed state of a package set. */
export interface SetRevision {
  /** Equal ids of one origin mean equal content: a commit, or the address of a release. */
  readonly id: string;
  /** The lock's fields about the origin and the revision, in a fixed order and without credentials. */
  readonly lock: Readonly<Record<string, string>>;
  /** Whether the tag by which it was found will always mean this revision. */
  readonly pinned: boolean;
}

/** Where a package set comes from: a folder, a git repository, a channel. */
export interface SetOrigin {
  /**
   * Identifies the origin by kind and address, without credentials. Tells apart what is remembered about several
   * origins.
   */
  readonly id: string;
  /** Whether it is on this host. Then other instances can have different content, and checking it is quick. */
  readonly isLocal: boolean;
  /** Programs that it needs on this host. */
  readonly programs: readonly string[];

  /**
   * The revision that a tag means now.
   *
   * @throws {RegistryError} `manifest-unknown` if the origin has no such revision; `build-unavailable` if the origin
   * cannot be reached or read
   */
  find(tag: string, signal: AbortSignal): Promise<SetRevision>;

  /**
   * Puts the files of a revision into the store under the name `source`; resolves to their path there. Equal files have
   * equal paths, whatever the origin.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  place(revision: SetRevision, store: NixStore, signal: AbortSignal): Promise<string>;
}
