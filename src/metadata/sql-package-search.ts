import { WorkSlices } from "../concurrency/work-slices.ts";
import type { FoundPackage, PackageMatch } from "./ports/package-index-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";

/** Packages to read with one statement of a search. */
const PAGE_ROWS = 500;
/** Sorts after every character of a name. */
const LAST_CHARACTER = "\u{10ffff}";

/** A complete package index. */
export interface SearchedIndex {
  readonly id: number;
  /** The largest number of its packages. */
  readonly last_number: number;
}

interface PackageRow {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly homepage: string | null;
  readonly license: string | null;
  readonly main_program: string | null;
}

const COLUMNS = "name, version, description, homepage, license, main_program";

/** At most `limit` packages of the index that have `word`, which must be in lower case; the best matches first. */
export async function searchPackages(
  session: SqlSession,
  index: SearchedIndex,
  word: string,
  limit: number,
): Promise<readonly FoundPackage[]> {
  // A package whose name is the word itself sorts first.
  const leading = await session.query<PackageRow>(
    `SELECT ${COLUMNS} FROM indexed_packages WHERE index_id = $1 AND name >= $2 AND name < $3
     ORDER BY name LIMIT $4`,
    [index.id, word, `${word}${LAST_CHARACTER}`, limit],
  );
  const others = leading.length < limit ? await scan(session, index, word, limit - leading.length) : [];
  return [...leading, ...others].map((row) => found(row, word));
}

/**
 * Reads the whole index for packages that have the word, except at the beginning of their name. Those with the word in
 * their name come first.
 */
async function scan(session: SqlSession, index: SearchedIndex, word: string, limit: number) {
  let named: readonly PackageRow[] = [];
  let described: readonly PackageRow[] = [];
  const pattern = `%${word.replaceAll(/[\\%_]/g, "\\$&")}%`;
  const slices = new WorkSlices();
  for (let after = 0; after < index.last_number; after += PAGE_ROWS) {
    const rows = await session.query<PackageRow>(
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
