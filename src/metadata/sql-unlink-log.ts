import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Unlink, UnlinkLog } from "./ports/blob-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";

/** Number of unlinks to keep. An instance that is further behind forgets everything it cached. */
const KEPT = 10_000;

/** The log of removed blob links in SQL, numbered in the order of their commits. */
export class SqlUnlinkLog implements UnlinkLog {
  readonly #session: SqlSession;

  constructor(session: SqlSession) {
    this.#session = session;
  }

  async latestUnlink(): Promise<number> {
    const [counter] = await this.#session.query<{ value: number }>(
      "SELECT value FROM counters WHERE name = 'unlinks'",
    );
    return counter?.value ?? 0;
  }

  listUnlinks(after: number, limit: number): Promise<readonly Unlink[]> {
    return this.#session.query<Unlink>(
      "SELECT number, repository, digest FROM unlinks WHERE number > $1 ORDER BY number LIMIT $2",
      [after, limit],
    );
  }
}

/**
 * Records an unlink, in the transaction that removes the link.
 *
 * Call it last. From here to the commit no other unlink can be recorded, so no number becomes visible before a smaller
 * one.
 */
export async function recordUnlink(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<void> {
  const [counter] = await session.query<{ value: number }>(
    "UPDATE counters SET value = value + 1 WHERE name = 'unlinks' RETURNING value",
  );
  if (!counter) throw new Error("the unlink counter is missing from the database");
  await session.query("INSERT INTO unlinks (number, repository, digest) VALUES ($1, $2, $3)", [
    counter.value,
    repository,
    digest,
  ]);
  await session.query("DELETE FROM unlinks WHERE number <= $1", [counter.value - KEPT]);
}
