import { describe, expect, it } from "bun:test";
import { evaluationReason, packagesFailed, realiseFailure } from "./nix-failure.ts";

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

  it("is said in some words when Nix says nothing", () => {
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

  it("is told by the exit status where that says more", () => {
    const stderr = `error: building of '/nix/store/${HASH}-slow.drv' timed out after 2 seconds`;
    expect(realiseFailure(101, stderr, [])).toEqual({
      derivation: "slow",
      reason: "its build took too long or said nothing for too long",
    });
  });

  it("is short, whatever Nix writes", () => {
    expect(realiseFailure(1, `error: ${"x".repeat(100_000)}`, []).reason.length).toBe(1_000);
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
