import { expect, it } from "bun:test";
import pino from "pino";
import { StorageError, storageFailure } from "../oci/storage-error.ts";
import { FailureLog } from "./failure-log.ts";

function collectingLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { lines, failures: new FailureLog(log) };
}

function failed(code: string, driver: string) {
  const cause = Object.assign(new Error(`${code}: write`), { code });
  const failure = storageFailure(new StorageError(driver, "append to upload", "some-id", cause));
  if (failure === undefined) throw new Error("no storage failure");
  return failure;
}

it("says what failed, where, and what to do", () => {
  const { lines, failures } = collectingLog();
  failures.storageFailed(failed("ENOSPC", "filesystem"), { method: "PATCH", path: "/v2/x" });
  expect(lines).toEqual([
    expect.objectContaining({
      level: 50,
      method: "PATCH",
      path: "/v2/x",
      driver: "filesystem",
      operation: "append to upload",
      key: "some-id",
      msg: expect.stringMatching(/^the registry's storage is full: free some space/),
    }),
  ]);
});

it("logs one line for many requests that fail alike, and one for each other condition or store", () => {
  const { lines, failures } = collectingLog();
  const request = { method: "PATCH", path: "/v2/x" };
  for (let failure = 0; failure < 100; failure += 1) {
    failures.storageFailed(failed("ENOSPC", "filesystem"), request);
  }
  expect(lines).toHaveLength(1);
  failures.storageFailed(failed("EIO", "filesystem"), request);
  failures.storageFailed(failed("ENOSPC", "other"), request);
  expect(lines).toHaveLength(3);
});
