import type { SqlEngine, SqlSession } from "./sql-engine.ts";

/** The parts of table definitions that differ between engines. */
export interface SqlTypes {
  /** A row number that the database assigns. */
  readonly identity: string;
  /** A 64-bit integer. */
  readonly integer: string;
  /** Text that compares by bytes. */
  readonly text: string;
  readonly bytes: string;
  /** The end of the definition of a table that is stored in the order of its primary key. */
  readonly keyed: string;
  /** An expression for a column's text as a JSON string. */
  readonly jsonString: (column: string) => string;
  /** An expression for the UTF-8 bytes of a text. */
  readonly utf8: (text: string) => string;
}

/** The parts for each engine. */
export const SQL_TYPES: Readonly<Record<SqlEngine["name"], SqlTypes>> = {
  sqlite: {
    identity: "INTEGER PRIMARY KEY",
    integer: "INTEGER",
    text: "TEXT COLLATE BINARY",
    bytes: "BLOB",
    keyed: "WITHOUT ROWID",
    jsonString: (column) => `json_quote(${column})`,
    utf8: (text) => `CAST(${text} AS BLOB)`,
  },
  postgres: {
    identity: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    integer: "BIGINT",
    text: 'TEXT COLLATE "C"',
    bytes: "BYTEA",
    keyed: "",
    jsonString: (column) => `to_json(${column}::text)::text`,
    utf8: (text) => `convert_to(${text}, 'UTF8')`,
  },
};

/** One step of a migration: a statement, or work that needs more than statements. */
export type MigrationStep = string | ((session: SqlSession) => Promise<void>);

/** One migration: steps that run in order, once. Never change a migration after its release. */
export type Migration = (types: SqlTypes) => readonly MigrationStep[];
