import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ListingLedger } from "./ports/listing-ledger.ts";
import type { PageRequest } from "./ports/page-request.ts";
import type { SqlSession } from "./sql-engine.ts";

/** Lists of tags and repositories in SQL. */
export class SqlListings implements ListingLedger {
  readonly #session: SqlSession;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  async listTags(repository: RepositoryName, page: PageRequest): Promise<readonly Tag[] | undefined> {
    const rows = await this.#session.query<{ name: Tag }>(
      "SELECT name FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
      [repository, page.after ?? "", page.limit],
    );
    if (rows.length === 0 && !(await this.#wasPushed(repository))) return undefined;
    return rows.map((row) => row.name);
  }

  async listRepositories(page: PageRequest): Promise<readonly RepositoryName[]> {
    const rows = await this.#session.query<{ name: RepositoryName }>(
      "SELECT name FROM repositories WHERE manifest_count > 0 AND name > $1 ORDER BY name LIMIT $2",
      [page.after ?? "", page.limit],
    );
    return rows.map((row) => row.name);
  }

  /** Whether a manifest was ever pushed to the repository. */
  async #wasPushed(repository: RepositoryName): Promise<boolean> {
    const rows = await this.#session.query("SELECT name FROM repositories WHERE name = $1 AND pushed = 1", [
      repository,
    ]);
    return rows.length > 0;
  }
}
