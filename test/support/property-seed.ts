/**
 * Loaded before the tests (`bun test --preload`): gives property tests the seed in `SLIPWAY_TEST_SEED`, or in CI a
 * fixed one, so that a failed run fails again. Elsewhere each run has its own. A property that fails prints its seed.
 */
import fc from "fast-check";

const FIXED_SEED = 20_261_126;

const { SLIPWAY_TEST_SEED: chosen, CI: ci } = process.env;
if (chosen) {
  const seed = Number(chosen);
  if (!Number.isInteger(seed)) throw new Error(`SLIPWAY_TEST_SEED must be an integer, not "${chosen}"`);
  fc.configureGlobal({ seed });
} else if (ci && ci !== "false") {
  fc.configureGlobal({ seed: FIXED_SEED });
}
