import type { Platform } from "../oci/descriptor.ts";
import { isDigestReference, type Reference, type Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { PackageRequest, PackageSource } from "./package-source.ts";

/** The request that an image's name means, and its source. */
export interface SourceRequest {
  readonly source: PackageSource;
  readonly request: PackageRequest;
}

/** The package sources of a builder, by the first component of the names that they serve. */
export class SourceTable {
  readonly #sources: ReadonlyMap<string, PackageSource>;
  readonly #root: PackageSource | undefined;

  constructor(sources: readonly PackageSource[]) {
    this.#sources = new Map(sources.map((source) => [source.name, source]));
    this.#root = sources.find(({ servesRoot }) => servesRoot);
  }

  /** All sources. */
  get all(): readonly PackageSource[] {
    return [...this.#sources.values()];
  }

  /**
   * Whether a name means an image to build. Checks only the text. A digest never does, because it names stored content.
   */
  claims(repository: RepositoryName, reference: Reference): boolean {
    if (isDigestReference(reference)) return false;
    return this.#root !== undefined || this.#named(repository) !== undefined;
  }

  /**
   * Reads a name that {@link claims} accepts.
   *
   * @throws {RegistryError} what {@link PackageSource.read} throws
   */
  read(repository: RepositoryName, tag: Tag, defaultPlatform: Platform): SourceRequest {
    const named = this.#named(repository);
    const source = named ?? this.#root;
    if (source === undefined) throw new Error(`no source serves ${repository}`);
    const components = repository.split("/").slice(named === undefined ? 0 : 1);
    return { source, request: source.read(components, tag, defaultPlatform) };
  }

  /**
   * The source that a name's first component names, if more components follow. Runs on every pull by tag, so it must be
   * fast.
   */
  #named(repository: RepositoryName): PackageSource | undefined {
    const end = repository.indexOf("/");
    return end < 0 ? undefined : this.#sources.get(repository.slice(0, end));
  }
}
