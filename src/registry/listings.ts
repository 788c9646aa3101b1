import type { ManifestLedger } from "../metadata/metadata-store.ts";
import type { Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { AccessControl } from "./access-control.ts";
import type { Caller } from "./access-policy.ts";

/** Repositories looked at in one step, however few the caller asked for and may see. */
const REPOSITORY_BATCH = 500;

/** Part of a listing. */
export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Whether entries follow the last of these. */
  readonly more: boolean;
}

/** Tags and repositories, each page an index range of the metadata. */
export class Listings {
  readonly #ledger: ManifestLedger;
  readonly #access: AccessControl;

  constructor(ledger: ManifestLedger, access: AccessControl) {
    this.#ledger = ledger;
    this.#access = access;
  }

  /** @throws {RegistryError} `name-unknown` when no manifest was ever pushed to the repository */
  async tags(repository: RepositoryName, after: string | undefined, limit: number): Promise<Page<Tag>> {
    const tags = await this.#ledger.listTags(repository, request(after, limit + 1));
    if (tags === undefined) {
      throw new RegistryError("name-unknown", "repository name not known to registry", {
        detail: { name: repository },
      });
    }
    return page(tags, limit);
  }

  /** The repositories that `caller` may pull from. */
  async repositories(
    caller: Caller,
    after: string | undefined,
    limit: number,
  ): Promise<Page<RepositoryName>> {
    this.#access.requireCatalog(caller);
    const visible: RepositoryName[] = [];
    const batch = Math.max(limit + 1, REPOSITORY_BATCH);
    for (let last = after; ; ) {
      const names = await this.#ledger.listRepositories(request(last, batch));
      visible.push(...names.filter((name) => this.#access.allows(caller, "pull", name)));
      last = names.at(-1);
      if (visible.length > limit || names.length < batch) return page(visible, limit);
    }
  }
}

/** What the ledger is asked for. A page asks for one entry more than it holds, to tell whether another follows. */
export function request<Key extends string>(
  after: Key | undefined,
  limit: number,
): { after?: Key; limit: number } {
  return after === undefined ? { limit } : { after, limit };
}

/** The first `limit` of `entries`. */
export function page<Entry>(entries: readonly Entry[], limit: number): Page<Entry> {
  return { entries: entries.slice(0, limit), more: entries.length > limit };
}
