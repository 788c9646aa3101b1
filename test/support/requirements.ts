import { describe, expect, it } from "bun:test";

/** Whether a missing requirement fails the run. In CI it always does: there nothing is skipped. */
const REQUIRE_ALL = process.env.SLIPWAY_TEST_REQUIRE_ALL === "1" || process.env.CI === "true";

/**
 * Registers the tests of `body` if the machine meets their requirements.
 *
 * Otherwise it registers one test with `requirement` and `reason` in its name, which is skipped, or fails with
 * `SLIPWAY_TEST_REQUIRE_ALL=1`, and with `CI=true`. `body` does not run then, so it can rely on the requirement.
 */
export function describeWith(
  requirement: string,
  available: boolean,
  reason: string,
  body: () => void,
): void {
  if (available) {
    describe(requirement, body);
    return;
  }
  const name = `${requirement} (not available: ${reason})`;
  it.if(REQUIRE_ALL)(name, () => expect.unreachable(name));
}
