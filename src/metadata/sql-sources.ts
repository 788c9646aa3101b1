import type { SourceLedger } from "./ports/source-ledger.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { chunksOf, inList, valuesList } from "./statement-chunks.ts";

interface FactRow {
  readonly key: string;
  readonly value: string;
}

const ROWS = valuesList((index) => `$1, $${3 + 2 * index}, $${4 + 2 * index}, $2`);
const INSERT = "INSERT INTO source_facts (kind, key, value, written_at)";
const FIND = `SELECT key, value FROM source_facts WHERE kind = $1 AND key IN ${inList(2)}`;
const ADD = `${INSERT} VALUES ${ROWS} ON CONFLICT (kind, key) DO NOTHING`;
const PUT = `${INSERT} VALUES ($1, $2, $3, $4)
  ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, written_at = excluded.written_at`;
const FORGET = "DELETE FROM source_facts WHERE kind = $1 AND written_at < $2";

/** The facts of package sources in SQL. */
export class SqlSources implements SourceLedger {
  readonly #engine: SqlEngine;

  constructor(engine: SqlEngine) {
    this.#engine = engine;
  }

  async findFacts(kind: string, keys: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const chunk of chunksOf(keys)) {
      const rows = await this.#engine.query<FactRow>(FIND, [kind, ...chunk]);
      for (const { key, value } of rows) found.set(key, value);
    }
    return found;
  }

  async addFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void> {
    if (facts.size === 0) return;
    await this.#engine.transaction(
      async (session) => {
        for (const chunk of chunksOf(inOrder(facts)))
          await session.query(ADD, [kind, Date.now(), ...chunk.flat()]);
      },
      { durable: false },
    );
  }

  async putFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void> {
    if (facts.size === 0) return;
    await this.#engine.transaction(
      async (session) => {
        for (const [key, value] of inOrder(facts)) await session.query(PUT, [kind, key, value, Date.now()]);
      },
      { durable: false },
    );
  }

  async forgetFacts(kind: string, writtenBefore: Date): Promise<void> {
    await this.#engine.transaction((session) => session.query(FORGET, [kind, writtenBefore.getTime()]), {
      durable: false,
    });
  }
}

/** The facts in ascending order of key. All transactions write in this order, so that they cannot deadlock. */
function inOrder(facts: ReadonlyMap<string, string>): readonly (readonly [string, string])[] {
  return [...facts].toSorted(([left], [right]) => (left < right ? -1 : 1));
}
