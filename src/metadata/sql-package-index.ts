import { WorkSlices } from "../concurrency/work-slices.ts";
import type {
  FoundPackage,
  IndexedPackage,
  PackageIndexId,
  PackageIndexLedger,
} from "./ports/package-index-ledger.ts";
import type { SqlEngine, SqlSession, SqlValue } from "./sql-engine.ts";
import { searchPackages } from "./sql-package-search.ts";
import { chunksOf, valuesList } from "./statement-chunks.ts";

/** Number of complete indexes to keep for each source. */
const KEPT_INDEXES = 2;
/** Packages to write in one transaction: few, so that other writers wait for at most a few milliseconds. */
const ROWS_AT_ONCE = 128;

interface IndexRow {
  readonly id: number;
  readonly state: string;
  readonly last_number: number;
}

const COLUMNS = "index_id, number, name, version, description, homepage, license, main_program, searched";
const COLUMN_COUNT = 9;

const INSERT = `INSERT INTO indexed_packages (${COLUMNS})
  VALUES ${valuesList((row) =>
    Array.from({ length: COLUMN_COUNT }, (_, column) => `$${row * COLUMN_COUNT + column + 1}`).join(", "),
  )}
  ON CONFLICT DO NOTHING`;

/** A number above those of the source's complete indexes. */
const NEXT_PLACE =
  "(SELECT COALESCE(MAX(place), 0) + 1 FROM package_indexes WHERE source = $1 AND status = 'complete')";

const REMOVED = "the package index was removed while it was written";

/** The package indexes in SQL. */
export class SqlPackageIndex implements PackageIndexLedger {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async findIndexedState(source: string): Promise<string | undefined> {
    return (await this.#current(source))?.state;
  }

  async restoreIndex(source: string, state: string): Promise<boolean> {
    const moved = await this.#change((session) =>
      session.query(
        `UPDATE package_indexes SET place = ${NEXT_PLACE}
         WHERE source = $1 AND status = 'complete' AND state = $2 RETURNING id`,
        [source, state],
      ),
    );
    return moved.length > 0;
  }

  async beginIndex(source: string, state: string): Promise<PackageIndexId> {
    const id = await this.#change(async (session) => {
      await session.query(
        "UPDATE package_indexes SET status = 'removed' WHERE source = $1 AND status = 'writing'",
        [source],
      );
      const [row] = await session.query<{ id: number }>(
        `INSERT INTO package_indexes (source, state, status, place, last_number)
         VALUES ($1, $2, 'writing', 0, 0) RETURNING id`,
        [source, state],
      );
      return row?.id as PackageIndexId;
    });
    await this.#purge(source);
    return id;
  }

  async addToIndex(id: PackageIndexId, packages: readonly IndexedPackage[]): Promise<void> {
    const slices = new WorkSlices();
    for (let at = 0; at < packages.length; at += ROWS_AT_ONCE) {
      const some = packages.slice(at, at + ROWS_AT_ONCE);
      await this.#change(async (session) => {
        const first = await takeNumbers(session, id, some.length);
        for (const chunk of chunksOf(some.map((one, index) => rowOf(id, first + index, one)))) {
          await session.query(INSERT, chunk.flat());
        }
      });
      await slices.pause();
    }
  }

  async completeIndex(id: PackageIndexId): Promise<void> {
    const source = await this.#change(async (session) => {
      const [row] = await session.query<{ source: string }>(
        "UPDATE package_indexes SET status = 'complete' WHERE id = $1 AND status = 'writing' RETURNING source",
        [id],
      );
      if (row === undefined) throw new Error(REMOVED);
      await session.query(`UPDATE package_indexes SET place = ${NEXT_PLACE} WHERE id = $2`, [row.source, id]);
      await removeOthers(session, row.source);
      return row.source;
    });
    await this.#purge(source);
  }

  async findPackages(source: string, word: string, limit: number): Promise<readonly FoundPackage[]> {
    const index = word === "" ? undefined : await this.#current(source);
    return index === undefined ? [] : searchPackages(this.#engine, index, word.toLowerCase(), limit);
  }

  async #current(source: string): Promise<IndexRow | undefined> {
    const [row] = await this.#engine.query<IndexRow>(
      `SELECT id, state, last_number FROM package_indexes WHERE source = $1 AND status = 'complete'
       ORDER BY place DESC LIMIT 1`,
      [source],
    );
    return row;
  }

  /** Deletes the rows of removed indexes, including those that an earlier process left behind. */
  async #purge(source: string): Promise<void> {
    const removed = await this.#engine.query<IndexRow>(
      "SELECT id, last_number FROM package_indexes WHERE source = $1 AND status = 'removed'",
      [source],
    );
    const slices = new WorkSlices();
    for (const { id, last_number: last } of removed) {
      for (let after = 0; after < last; after += ROWS_AT_ONCE) {
        await this.#change((session) =>
          session.query("DELETE FROM indexed_packages WHERE index_id = $1 AND number > $2 AND number <= $3", [
            id,
            after,
            after + ROWS_AT_ONCE,
          ]),
        );
        await slices.pause();
      }
      await this.#change((session) => session.query("DELETE FROM package_indexes WHERE id = $1", [id]));
    }
  }

  /** Runs `work` in a transaction that a power cut may undo. */
  #change<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    return this.#engine.transaction(work, { durable: false });
  }
}

/** Reserves `count` numbers of an index; returns the first. @throws {Error} if the index was removed */
async function takeNumbers(session: SqlSession, id: PackageIndexId, count: number): Promise<number> {
  const [row] = await session.query<{ last_number: number }>(
    `UPDATE package_indexes SET last_number = last_number + $2
     WHERE id = $1 AND status = 'writing' RETURNING last_number`,
    [id, count],
  );
  if (row === undefined) throw new Error(REMOVED);
  return row.last_number - count + 1;
}

function rowOf(id: PackageIndexId, number: number, one: IndexedPackage): readonly SqlValue[] {
  const { name, version, description, homepage = null, license = null, mainProgram = null } = one;
  const searched = `${name}\n${description}\n${mainProgram ?? ""}`.toLowerCase();
  return [id, number, name, version, description, homepage, license, mainProgram, searched];
}

/** Marks indexes as removed: all but the newest {@link KEPT_INDEXES}, and older ones of the same state. */
async function removeOthers(session: SqlSession, source: string): Promise<void> {
  const complete = await session.query<{ id: number; state: string }>(
    "SELECT id, state FROM package_indexes WHERE source = $1 AND status = 'complete' ORDER BY place DESC",
    [source],
  );
  const kept = new Set<string>();
  for (const { id, state } of complete) {
    if (kept.size < KEPT_INDEXES && !kept.has(state)) kept.add(state);
    else await session.query("UPDATE package_indexes SET status = 'removed' WHERE id = $1", [id]);
  }
}
