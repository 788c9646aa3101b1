import { expect, it } from "bun:test";
import pino from "pino";
import { StorageError } from "../oci/storage-error.ts";
import { ErrorMapper } from "./error-mapper.ts";

/** What is logged when a request of a client that has disconnected fails. */
function loggedFor(error: unknown): unknown[] {
  const lines: unknown[] = [];
  const log = pino({ level: "debug" }, { write: (line) => void lines.push(JSON.parse(line).msg) });
  const client = new AbortController();
  const request = new Request("http://127.0.0.1/v2/", { signal: client.signal });
  client.abort();
  new ErrorMapper(log).replyTo(error, request);
  return lines;
}

it("calls a failure a disconnect only if the disconnect caused it", () => {
  const left = new DOMException("The operation was aborted.", "AbortError");
  expect(loggedFor(left)).toEqual(["client disconnected"]);
  expect(loggedFor(new Error("reading the body failed", { cause: left }))).toEqual(["client disconnected"]);
  expect(loggedFor(new TypeError("a bug"))).toEqual(["request failed"]);
  const failing = new StorageError("filesystem", "append", "id", new Error("EIO"), "failing");
  expect(loggedFor(failing)).toEqual([expect.stringContaining("the registry's storage reports errors")]);
});
