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

/** What package sources remember, in SQL. */
export function sqlSources(engine: SqlEngine): SourceLedger {
  return {
    findFacts: (kind, keys) => findFacts(engine, kind, keys),
    addFacts: (kind, facts) => addFacts(engine, kind, facts),
    putFacts: (kind, facts) => putFacts(engine, kind, facts),
    async forgetFacts(kind, writtenBefore) {
      const parameters = [kind, writtenBefore.getTime()];
      await engine.transaction((session) => session.query(FORGET, parameters), { durable: false });
    },
  };
}

async function findFacts(
  engine: SqlEngine,
  kind: string,
  keys: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const chunk of chunksOf(keys)) {
    for (const { key, value } of await engine.query<FactRow>(FIND, [kind, ...chunk])) found.set(key, value);
  }
  return found;
}

async function addFacts(engine: SqlEngine, kind: string, facts: ReadonlyMap<string, string>): Promise<void> {
  if (facts.size === 0) return;
  await engine.transaction(
    async (session) => {
      // In one order, so that two transactions never wait for each other.
      for (const chunk of chunksOf([...facts].toSorted(byKey)))
        await session.query(ADD, [kind, Date.now(), ...chunk.flat()]);
    },
    { durable: false },
  );
}

async function putFacts(engine: SqlEngine, kind: string, facts: ReadonlyMap<string, string>): Promise<void> {
  if (facts.size === 0) return;
  await engine.transaction(
    async (session) => {
      for (const [key, value] of [...facts].toSorted(byKey))
        await session.query(PUT, [kind, key, value, Date.now()]);
    },
    { durable: false },
  );
}

function byKey([left]: readonly [string, string], [right]: readonly [string, string]): number {
  return left < right ? -1 : 1;
}
