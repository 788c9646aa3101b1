import { describe, expect, it } from "bun:test";
import { readNixTexts } from "../../../test/support/nix-texts.ts";
import {
  evaluationReason,
  isStoreIncomplete,
  packagesFailed,
  realiseFailure,
  startedBuilds,
} from "./nix-failure.ts";

const HASH = "pxq0n6dqy2x71clbgagia38035m9claw";

describe("why an evaluation failed", () => {
  it("is its last error, without colours and paths of this host", () => {
    const stderr = [
      "\u001B[31;1merror:\u001B[0m this package was removed",
      "",
      "       at /var/lib/slipway/nix/store/nix/store/abc-source/default.nix:3:4:",
    ].join("\n");
    const reason = evaluationReason(stderr, ["/var/lib/slipway/nix/store"]);
    expect(reason).toStartWith("this package was removed");
    expect(reason).not.toContain("/var/lib");
  });

  it("has a default text when Nix prints nothing", () => {
    expect(evaluationReason("", [])).toBe("the evaluation failed");
  });
});

describe("why a package was not realised", () => {
  it.each([
    [
      "2.8",
      `error: builder for '/nix/store/${HASH}-fails.drv' failed with exit code 3`,
      { derivation: "fails", reason: "builder for 'fails.drv' failed with exit code 3" },
    ],
    [
      "2.34",
      `error: Cannot build '/nix/store/${HASH}-fails.drv'.\n       Reason: builder failed with exit code 3.`,
      { derivation: "fails", reason: "Cannot build 'fails.drv'. Reason: builder failed with exit code 3." },
    ],
    [
      "2.8, of a package that another one needs",
      `error: builder for '/nix/store/${HASH}-inside.drv' failed with exit code 4\nerror: 1 dependencies of derivation '/nix/store/${HASH}-outside.drv' failed to build`,
      { derivation: "inside", reason: "builder for 'inside.drv' failed with exit code 4" },
    ],
  ])("is read from what Nix %s writes", (_version, stderr, expected) => {
    expect(realiseFailure(100, `a line of a log\n${stderr}\n`, [])).toEqual(expected);
  });

  it("comes from the exit status if that says more", () => {
    const stderr = `error: building of '/nix/store/${HASH}-slow.drv' timed out after 2 seconds`;
    expect(realiseFailure(101, stderr, [])).toEqual({
      derivation: "slow",
      reason: "its build took too long, or printed nothing for too long",
    });
  });

  it("is short, whatever Nix writes", () => {
    expect(realiseFailure(1, `error: ${"x".repeat(100_000)}`, []).reason.length).toBe(1_000);
  });
});

/** The paths that stand for the store and for files of the host in the recorded texts. */
const HIDDEN = ["/srv/slipway/nix/store", "/srv/files"];
const TOO_LONG = /^its build took too long/;

describe.each(readNixTexts().map((texts) => [texts.version, texts] as const))("Nix %s", (version, texts) => {
  it.each([
    ["throws", /^this package was removed$/],
    ["throwsLines", /^this package is unfree a\) allow it b\) take another one$/],
    ["throwsInside", /^this package was removed$/],
    ["asserts", /^assertion '\(1 == 2\)' failed|^an integer with value '1' is not equal/],
    ["aborts", /^evaluation aborted .*'this package cannot be evaluated'$/],
    ["wrongType", /^cannot add a string to an integer/],
    ["missingAttribute", /^attribute 'two' missing/],
    ["endlessValue", /^infinite recursion encountered/],
    ["endlessCall", /^stack overflow/],
    ["outOfMemory", /^out of memory$/],
    ["readsFile", /^access to absolute path '.*' is forbidden in restricted mode$/],
    ["copiesFile", /^access to absolute path '.*' is forbidden in restricted mode$/],
    ["fetchesUrl", /^access to URI '.*' is forbidden in restricted mode$/],
    ["fetchesGit", /^access to (?:URI|absolute path) '.*' is forbidden in restricted mode$/],
    ["buildsMeanwhile", /^cannot build 'meanwhile.drv.*' during evaluation/],
    ["runsProgram", /^attribute 'exec' missing/],
  ])("says why an evaluation failed that %s", (name, reason) => {
    const { exitCode, stderr = "" } = texts.evaluations[name] ?? {};
    expect(exitCode).toBe(1);
    expect(evaluationReason(stderr, HIDDEN)).toMatch(reason);
  });

  it.each([
    ["fails", "fails", /failed with exit code 3\.?$/],
    ["needsFailing", "fails-inside", /failed with exit code 4\.?$/],
    ["twoFail", "fails", /failed with exit code 3\.?$/],
    ["timedOut", "slow", TOO_LONG],
    ["needsTimedOut", "slow-inside", TOO_LONG],
    ["twoTimedOut", "slow|slower", TOO_LONG],
    ["silent", "slow", TOO_LONG],
    ["flood", "flood", /killed after writing more than 1000 bytes of log output$/],
    ["wrongHash", "wrong-hash", /^its download does not have the expected hash$/],
    ["needsWrongHash", "wrong-hash", /^its download does not have the expected hash$/],
    ["download", "download", /failed with exit code 1\.?$/],
    ["otherSystem", "other-system", /riscv64-linux/],
    ["noJobs", "fails", /max-jobs/],
    ["noOutput", "no-output", /failed to produce output path for output 'out'$/],
    ["noSandbox", "no-sandbox", /has '__noChroot' set, but that's not allowed/],
    ["noBuilder", "no-builder", /failed with exit code 1\.?$/],
    ["missing", "missing", /derivation/],
    ["differs", "unsteady", /^rebuilding it gave different bytes$/],
  ])("says what failed, and why: %s", (name, named, reason) => {
    const { exitCode = 0, stderr = "" } = texts.realisations[name] ?? {};
    const failure = realiseFailure(exitCode, stderr, HIDDEN);
    expect(failure.reason).toMatch(reason);
    expect(failure.reason).not.toContain("/srv");
    // The package is then known from what was being built.
    const isUnnamed = version.startsWith("2.34") ? reason === TOO_LONG : name === "noJobs";
    const names = named.split("|");
    if (isUnnamed) expect(failure.derivation).toBeUndefined();
    else expect(names).toContain(String(failure.derivation));
    if (reason === TOO_LONG) expect(startedBuilds(stderr)).toEqual(expect.arrayContaining(names));
    expect(isStoreIncomplete(stderr)).toBe(name === "missing");
  });
});

it("names all packages that failed", () => {
  const error = packagesFailed(
    new Map([
      ["a", "one reason"],
      ["b", "another"],
    ]),
  );
  expect(error).toMatchObject({ fault: "build-failed", message: "cannot build a, b: one reason" });
});
