import type { NixStore } from "../store/nix-store.ts";

/** A state of a package set that does not change. */
export interface SetRevision {
  /** Equal ids of one origin mean equal content: a commit, or the address of a release. */
  readonly id: string;
  /** What the lock says of the origin and the revision, in a fixed order and without credentials. */
  readonly lock: Readonly<Record<string, string>>;
  /** Whether the tag that it was found by will always mean this revision. */
  readonly pinned: boolean;
}

/** Where a package set comes from: a folder, a git repository, a channel. */
export interface SetOrigin {
  /** Says the origin, so that what is known of one is never taken for another: kind and address, without credentials. */
  readonly id: string;
  /** Whether it is on this host: other instances may have another one, and a look costs little. */
  readonly isLocal: boolean;
  /** Programs of the host that it needs. */
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
