import { SQL } from "bun";

/** SQLSTATE: serialization failure, deadlock: the server rolled the transaction back and advises to repeat it. */
const ROLLED_BACK = new Set(["40001", "40P01"]);

/** SQLSTATE: shutting down by order or after a crash, starting up, out of connections. */
const UNAVAILABLE = new Set(["57P01", "57P02", "57P03", "53300"]);

/** The client's own names for a connection that could not be made or ended early. */
const LOST = new Set([
  "ERR_POSTGRES_CONNECTION_CLOSED",
  "ERR_POSTGRES_CONNECTION_REFUSED",
  "ERR_POSTGRES_CONNECTION_TIMEOUT",
]);

/** Whether the server undid a transaction for the sake of others, so that it may simply be repeated. */
export function isRolledBackByServer(error: unknown): boolean {
  return error instanceof SQL.PostgresError && ROLLED_BACK.has(error.errno ?? "");
}

/** Whether an error says that the server was not there, or went away. */
export function isConnectionLost(error: unknown): boolean {
  return error instanceof SQL.PostgresError && (UNAVAILABLE.has(error.errno ?? "") || LOST.has(error.code));
}
