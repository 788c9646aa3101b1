/** How long a test waits for something that should have happened long ago, in milliseconds. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 5;

/**
 * Checks `condition` again and again; resolves once it holds. The limit is only a safety net: a test must not depend on
 * how soon it holds.
 *
 * @throws if it does not hold within `limitMs`
 */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  limitMs = LIMIT_MS,
): Promise<void> {
  for (const giveUpAt = performance.now() + limitMs; !(await condition()); await Bun.sleep(PAUSE_MS)) {
    if (performance.now() > giveUpAt) throw new Error(`not within ${limitMs / 1000} s: ${condition}`);
  }
}
