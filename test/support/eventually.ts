/** When a test stops waiting for what should have happened long ago. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 5;

/**
 * Resolves once `condition` holds, which is looked at again and again. The limit is only a safety net: a test must not
 * depend on how soon it happens.
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
