import { SQL } from "bun";
import { type StorageCondition, StorageError } from "../oci/storage-error.ts";

/** SQLSTATE of serialization failure and deadlock: the server rolled the transaction back, and it can be repeated. */
const ROLLED_BACK = new Set(["40001", "40P01"]);

/** SQLSTATE of a server that is shutting down, has crashed, is starting up, or has no connections left. */
const UNAVAILABLE = new Set(["57P01", "57P02", "57P03", "53300"]);

/** The client's codes for a connection that failed or ended early. */
const LOST = new Set([
  "ERR_POSTGRES_CONNECTION_CLOSED",
  "ERR_POSTGRES_CONNECTION_REFUSED",
  "ERR_POSTGRES_CONNECTION_TIMEOUT",
]);

/** Whether the server rolled a transaction back because of others, so that it can be repeated. */
export function isRolledBackByServer(error: unknown): boolean {
  return error instanceof SQL.PostgresError && ROLLED_BACK.has(error.errno ?? "");
}

/** Whether an error means that the server was unreachable or went away. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof SQL.PostgresError && (UNAVAILABLE.has(error.errno ?? "") || LOST.has(error.code));
}

/** The conditions that SQLSTATEs show; complete ones come before classes (the first two characters). */
const CONDITIONS: Readonly<Record<string, StorageCondition>> = {
  "53100": "full",
  // Read-only: a standby, or a server configured so. Other codes of this class, such as 25001, are our own errors.
  "25006": "read-only",
  // The database or its tables do not exist.
  "3D000": "gone",
  "42P01": "gone",
  "42501": "denied",
  // A lock or statement timed out.
  "55P03": "busy",
  "57014": "busy",
  "28": "denied",
  "53": "busy",
  "57": "unreachable",
  "08": "unreachable",
  "58": "failing",
  XX: "damaged",
};

/** Turns errors of PostgreSQL and of the connection into a {@link StorageError}; returns other errors unchanged. */
export function postgresFailure(operation: string, database: string, error: unknown): unknown {
  if (!(error instanceof SQL.PostgresError)) return error;
  const state = error.errno ?? "";
  const condition = LOST.has(error.code)
    ? "unreachable"
    : (CONDITIONS[state] ?? CONDITIONS[state.slice(0, 2)]);
  if (condition === undefined) return error;
  return new StorageError("postgres", operation, database, error, condition);
}

/** Host and database of a connection URL, without the user and the password. */
export function databaseName(url: string): string {
  const parsed = URL.parse(url);
  return parsed === null ? "database" : `${parsed.host}${parsed.pathname}`;
}
