import { expect, it } from "bun:test";
import pino from "pino";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { StorageError, storageFailure } from "../oci/storage-error.ts";
import { FailureLog } from "./failure-log.ts";

/** Time between two lines about the same failure. */
const STORAGE_INTERVAL_MS = 10_000;

function collectingLog() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ base: null }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const clock = new ManualClock();
  return { lines, clock, failures: new FailureLog(log, clock) };
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

it("logs one line for many identical failures, and one for each other condition or store", () => {
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

it("reports now and then how many identical failures occurred since the last line", () => {
  const { lines, clock, failures } = collectingLog();
  const request = { method: "PATCH", path: "/v2/x" };
  const fail = () => failures.storageFailed(failed("ENOSPC", "filesystem"), request);
  for (let failure = 0; failure < 100; failure += 1) fail();
  clock.pass(STORAGE_INTERVAL_MS - 1);
  fail();
  expect(lines).toHaveLength(1);
  clock.pass(1);
  fail();
  expect(lines).toHaveLength(2);
  expect(lines[1]).toMatchObject({ failedSinceLastLine: 100 });
});
