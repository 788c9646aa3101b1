import type { ListingLedger } from "../metadata/ports/listing-ledger.ts";
import type { Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { AccessControl } from "./access-control.ts";
import type { Caller } from "./access-policy.ts";
import { collectPage, type Page } from "./page.ts";

/** Lists of tags and repositories; each page is a range of an index in the metadata. */
export class Listings {
  readonly #ledger: ListingLedger;
  readonly #access: AccessControl;

  constructor(ledger: ListingLedger, access: AccessControl) {
    this.#ledger = ledger;
    this.#access = access;
  }

  /** A page of tags. @throws {RegistryError} `name-unknown` if no manifest was ever pushed to the repository */
  async tags(repository: RepositoryName, after: string | undefined, limit: number): Promise<Page<Tag>> {
    return collectPage({
      after,
      limit,
      list: async (last, batch) => {
        const tags = await this.#ledger.listTags(repository, pageRequest(last, batch));
        if (tags !== undefined) return tags;
        throw new RegistryError("name-unknown", "repository name not known to registry", {
          detail: { name: repository },
        });
      },
    });
  }

  /** The repositories that `caller` may pull from. */
  async repositories(
    caller: Caller,
    after: string | undefined,
    limit: number,
  ): Promise<Page<RepositoryName>> {
    this.#access.requireCatalog(caller);
    return collectPage({
      after,
      limit,
      list: (last, batch) => this.#ledger.listRepositories(pageRequest(last, batch)),
      accepts: (name) => this.#access.allows(caller, "pull", name),
    });
  }
}

/** The part of a page to read from the ledger. */
function pageRequest<Key extends string>(
  after: Key | undefined,
  limit: number,
): { after?: Key; limit: number } {
  return after === undefined ? { limit } : { after, limit };
}
