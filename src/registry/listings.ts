import type { ManifestLedger } from "../metadata/metadata-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { AccessControl } from "./access-control.ts";
import type { Caller } from "./access-policy.ts";

/** Part of a listing. */
export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Whether entries follow the last of these. */
  readonly more: boolean;
}

/** Tags, repositories and referrers, each page an index range of the metadata. */
export class Listings {
  readonly #ledger: ManifestLedger;
  readonly #access: AccessControl;

  constructor(ledger: ManifestLedger, access: AccessControl) {
    this.#ledger = ledger;
    this.#access = access;
  }

  /** @throws {RegistryError} `name-unknown` when no manifest was ever pushed to the repository */
  async tags(repository: RepositoryName, after: string | undefined, limit: number): Promise<Page<Tag>> {
    const tags = await this.#ledger.listTags(repository, request(after, limit));
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
    let last = after;
    for (;;) {
      const names = await this.#ledger.listRepositories(request(last, limit));
      visible.push(...names.filter((name) => this.#access.allows(caller, "pull", name)));
      last = names.at(-1);
      if (visible.length > limit || names.length <= limit) return page(visible, limit);
    }
  }

  /** Descriptors of the manifests that have `subject`; of an unknown one there are none. */
  async referrers(
    repository: RepositoryName,
    subject: Digest,
    artifactType: string | undefined,
    after: Digest | undefined,
    limit: number,
  ): Promise<Page<Descriptor>> {
    const filter = artifactType === undefined ? {} : { artifactType };
    return page(await this.#ledger.listReferrers(repository, subject, filter, request(after, limit)), limit);
  }
}

/** Asks for one entry more than the page holds, which tells whether another page follows. */
function request<Key extends string>(after: Key | undefined, limit: number): { after?: Key; limit: number } {
  return { limit: limit + 1, ...(after === undefined ? {} : { after }) };
}

function page<Entry>(entries: readonly Entry[], limit: number): Page<Entry> {
  return { entries: entries.slice(0, limit), more: entries.length > limit };
}
