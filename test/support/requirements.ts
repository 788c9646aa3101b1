import { describe, expect, it } from "bun:test";

/** Whether a requirement that the machine does not meet fails the run; CI says so. */
const REQUIRE_ALL = process.env.SLIPWAY_TEST_REQUIRE_ALL === "1";

/**
 * Registers the tests of `body` when the machine has what they require.
 *
 * Otherwise one test carrying `requirement` and `reason` in its name stands in for them: skipped, or failing when
 * `SLIPWAY_TEST_REQUIRE_ALL=1`. `body` does not run then, so it may rely on the requirement.
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
  if (REQUIRE_ALL) it(name, () => expect.unreachable(name));
  else it.skip(name, () => {});
}
