import type { Tag } from "../../oci/reference.ts";
import type { RepositoryName } from "../../oci/repository-name.ts";
import type { PageRequest } from "./page-request.ts";

/** Lists of tags and repositories. */
export interface ListingLedger {
  /** A page of tags in ascending byte order; `undefined` if no manifest was ever pushed to the repository. */
  listTags(repository: RepositoryName, page: PageRequest): Promise<readonly Tag[] | undefined>;

  /** A page of the repositories that have a manifest, in ascending byte order. */
  listRepositories(page: PageRequest): Promise<readonly RepositoryName[]>;
}
