/** A safety net, which no test should ever reach. */
const GIVE_UP_MS = 60_000;
const LOOK_EVERY_MS = 10;

/**
 * Resolves once `isSo` is true.
 *
 * @throws when that takes a minute; `what` says what was waited for
 */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  while (!(await isSo())) {
    if (performance.now() > giveUpAt) throw new Error(`waited in vain: ${what}`);
    await Bun.sleep(LOOK_EVERY_MS);
  }
}
