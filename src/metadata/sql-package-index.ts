import { WorkSlices } from "../concurrency/work-slices.ts";
import type {
  FoundPackage,
  IndexedPackage,
  PackageIndexId,
  PackageIndexLedger,
  PackageMatch,
} from "./ports/package-index-ledger.ts";
import type { SqlEngine, SqlSession, SqlValue } from "./sql-engine.ts";
import { chunksOf, valuesList } from "./statement-chunks.ts";

/** Complete indexes that are kept of each source. */
const KEPT_INDEXES = 2;
/** Packages that one transaction writes, so that other writers wait for a few milliseconds at most. */
const ROWS_AT_ONCE = 128;
/** Packages that one statement of a search looks at. */
const PAGE_ROWS = 500;
/** Comes after every character of a name. */
const LAST_CHARACTER = "\u{10ffff}";

interface PackageRow {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly homepage: string | null;
  readonly license: string | null;
  readonly main_program: string | null;
}

interface IndexRow {
  readonly id: number;
  readonly state: string;
  readonly last_number: number;
}

const COLUMNS = "name, version, description, homepage, license, main_program";
/** Those, and the index, the number and the searched text. */
const COLUMN_COUNT = 9;

const REMOVED = "the package index was removed while it was written";

/** The package indexes in SQL. */
export function sqlPackageIndex(engine: SqlEngine): PackageIndexLedger {
  return {
    findIndexedState: async (source) => (await currentIndex(engine, source))?.state,
    restoreIndex: (source, state) => restoreIndex(engine, source, state),
    beginIndex: (source, state) => beginIndex(engine, source, state),
    addToIndex: (id, packages) => addToIndex(engine, id, packages),
    completeIndex: (id) => completeIndex(engine, id),
    findPackages: (source, word, limit) => findPackages(engine, source, word.toLowerCase(), limit),
  };
}

async function currentIndex(session: SqlSession, source: string) {
  const [row] = await session.query<IndexRow>(
    `SELECT id, state, last_number FROM package_indexes WHERE source = $1 AND status = 'complete'
     ORDER BY place DESC LIMIT 1`,
    [source],
  );
  return row;
}

/** A number above those of the source's complete indexes. */
const NEXT_PLACE =
  "(SELECT COALESCE(MAX(place), 0) + 1 FROM package_indexes WHERE source = $1 AND status = 'complete')";

async function restoreIndex(engine: SqlEngine, source: string, state: string): Promise<boolean> {
  const moved = await change(engine, (session) =>
    session.query(
      `UPDATE package_indexes SET place = ${NEXT_PLACE}
       WHERE source = $1 AND status = 'complete' AND state = $2 RETURNING id`,
      [source, state],
    ),
  );
  return moved.length > 0;
}

async function beginIndex(engine: SqlEngine, source: string, state: string): Promise<PackageIndexId> {
  const id = await change(engine, async (session) => {
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
  await purge(engine, source);
  return id;
}

async function addToIndex(
  engine: SqlEngine,
  id: PackageIndexId,
  packages: readonly IndexedPackage[],
): Promise<void> {
  const slices = new WorkSlices();
  for (let at = 0; at < packages.length; at += ROWS_AT_ONCE) {
    const some = packages.slice(at, at + ROWS_AT_ONCE);
    await change(engine, async (session) => {
      const first = await takeNumbers(session, id, some.length);
      for (const chunk of chunksOf(some.map((one, index) => rowOf(id, first + index, one)))) {
        await session.query(INSERT, chunk.flat());
      }
    });
    await slices.pause();
  }
}

/** The first of the next numbers. @throws {Error} if the index was removed */
async function takeNumbers(session: SqlSession, id: PackageIndexId, count: number): Promise<number> {
  const [row] = await session.query<{ last_number: number }>(
    `UPDATE package_indexes SET last_number = last_number + $2
     WHERE id = $1 AND status = 'writing' RETURNING last_number`,
    [id, count],
  );
  if (row === undefined) throw new Error(REMOVED);
  return row.last_number - count + 1;
}

const INSERT = `INSERT INTO indexed_packages (index_id, number, ${COLUMNS}, searched)
  VALUES ${valuesList((row) =>
    Array.from({ length: COLUMN_COUNT }, (_, column) => `$${row * COLUMN_COUNT + column + 1}`).join(", "),
  )}
  ON CONFLICT DO NOTHING`;

function rowOf(id: PackageIndexId, number: number, one: IndexedPackage): readonly SqlValue[] {
  const { name, version, description, homepage = null, license = null, mainProgram = null } = one;
  const searched = `${name}\n${description}\n${mainProgram ?? ""}`.toLowerCase();
  return [id, number, name, version, description, homepage, license, mainProgram, searched];
}

async function completeIndex(engine: SqlEngine, id: PackageIndexId): Promise<void> {
  const source = await change(engine, async (session) => {
    const [row] = await session.query<{ source: string }>(
      "UPDATE package_indexes SET status = 'complete' WHERE id = $1 AND status = 'writing' RETURNING source",
      [id],
    );
    if (row === undefined) throw new Error(REMOVED);
    await session.query(`UPDATE package_indexes SET place = ${NEXT_PLACE} WHERE id = $2`, [row.source, id]);
    await removeOthers(session, row.source);
    return row.source;
  });
  await purge(engine, source);
}

/** Marks the indexes that are not kept: those beyond the newest, and older ones of the same state. */
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

/** Removes what is marked as removed, also by a process that ended before it had done so. */
async function purge(engine: SqlEngine, source: string): Promise<void> {
  const removed = await engine.query<IndexRow>(
    "SELECT id, last_number FROM package_indexes WHERE source = $1 AND status = 'removed'",
    [source],
  );
  const slices = new WorkSlices();
  for (const { id, last_number: last } of removed) {
    for (let after = 0; after < last; after += ROWS_AT_ONCE) {
      await change(engine, (session) =>
        session.query("DELETE FROM indexed_packages WHERE index_id = $1 AND number > $2 AND number <= $3", [
          id,
          after,
          after + ROWS_AT_ONCE,
        ]),
      );
      await slices.pause();
    }
    await change(engine, (session) => session.query("DELETE FROM package_indexes WHERE id = $1", [id]));
  }
}

async function findPackages(
  engine: SqlEngine,
  source: string,
  word: string,
  limit: number,
): Promise<readonly FoundPackage[]> {
  const index = word === "" ? undefined : await currentIndex(engine, source);
  if (index === undefined) return [];
  // The name itself is the first of those that begin with it.
  const leading = await engine.query<PackageRow>(
    `SELECT ${COLUMNS} FROM indexed_packages WHERE index_id = $1 AND name >= $2 AND name < $3
     ORDER BY name LIMIT $4`,
    [index.id, word, `${word}${LAST_CHARACTER}`, limit],
  );
  const others = leading.length < limit ? await scan(engine, index, word, limit - leading.length) : [];
  return [...leading, ...others].map((row) => found(row, word));
}

/** Packages that have the word elsewhere than at the beginning of their name: first those that have it in their name. */
async function scan(engine: SqlEngine, index: IndexRow, word: string, limit: number) {
  let named: readonly PackageRow[] = [];
  let described: readonly PackageRow[] = [];
  const pattern = `%${word.replaceAll(/[\\%_]/g, "\\$&")}%`;
  const slices = new WorkSlices();
  for (let after = 0; after < index.last_number; after += PAGE_ROWS) {
    const rows = await engine.query<PackageRow>(
      `SELECT ${COLUMNS} FROM indexed_packages
       WHERE index_id = $1 AND number > $2 AND number <= $3 AND searched LIKE $4 ESCAPE '\\'`,
      [index.id, after, after + PAGE_ROWS, pattern],
    );
    const matching = (match: PackageMatch) => rows.filter(({ name }) => matchOf(name, word) === match);
    named = firstOf([...named, ...matching("part")], limit);
    described = firstOf([...described, ...matching("description")], limit);
    await slices.pause();
  }
  return [...named, ...described].slice(0, limit);
}

/** The first rows in ascending byte order of name, at most `limit`. */
function firstOf(rows: readonly PackageRow[], limit: number): readonly PackageRow[] {
  return rows.toSorted((one, other) => (one.name < other.name ? -1 : 1)).slice(0, limit);
}

function found(row: PackageRow, word: string): FoundPackage {
  const { name, version, description, homepage, license, main_program: mainProgram } = row;
  return {
    name,
    version,
    description,
    ...(homepage !== null && { homepage }),
    ...(license !== null && { license }),
    ...(mainProgram !== null && { mainProgram }),
    match: matchOf(name, word),
  };
}

function matchOf(name: string, word: string): PackageMatch {
  if (name === word) return "name";
  if (name.startsWith(word)) return "prefix";
  return name.includes(word) ? "part" : "description";
}

/** Runs `work` in a transaction that a power cut may undo. */
function change<Result>(engine: SqlEngine, work: (session: SqlSession) => Promise<Result>): Promise<Result> {
  return engine.transaction(work, { durable: false });
}
