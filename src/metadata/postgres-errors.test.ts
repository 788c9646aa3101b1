import { expect, it } from "bun:test";
import { SQL } from "bun";
import { StorageError } from "../oci/storage-error.ts";
import { databaseName, postgresFailure } from "./postgres-errors.ts";

function conditionOf(state: string | undefined, code = "ERR_POSTGRES_SERVER_ERROR"): unknown {
  const cause = new SQL.PostgresError("no", { code, ...(state !== undefined && { errno: state }) } as never);
  const failure = postgresFailure("write", "db.example/registry", cause);
  return failure instanceof StorageError ? failure.condition : failure === cause && "as it is";
}

it("recognises the condition of the server by its SQLSTATE", () => {
  expect(conditionOf("53100")).toBe("full");
  expect(conditionOf("53300")).toBe("busy");
  expect(conditionOf("25006")).toBe("read-only");
  expect(conditionOf("28P01")).toBe("denied");
  expect(conditionOf("42P01")).toBe("gone");
  expect(conditionOf("57P03")).toBe("unreachable");
  expect(conditionOf("58030")).toBe("failing");
  expect(conditionOf("XX001")).toBe("damaged");
});

it("recognises a lost connection", () => {
  expect(conditionOf(undefined, "ERR_POSTGRES_CONNECTION_CLOSED")).toBe("unreachable");
});

it("leaves our own errors unchanged", () => {
  expect(conditionOf("23505")).toBe("as it is");
  const error = new Error("a bug");
  expect(postgresFailure("write", "db", error)).toBe(error);
});

it("names a database without its credentials", () => {
  expect(databaseName("postgres://user:secret@db.example:5433/registry?x=y")).toBe(
    "db.example:5433/registry",
  );
  expect(databaseName("nonsense")).toBe("database");
});
