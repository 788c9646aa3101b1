/** How often work is tried that another transaction, or a lost connection, undid. */
const ATTEMPTS = 8;

/** Repeats `attempt` while it fails in a way that `mayRepeat` names, with growing pauses, about 3 seconds in all. */
export async function persistently<T>(
  attempt: () => Promise<T>,
  mayRepeat: (error: unknown) => boolean,
): Promise<T> {
  for (let made = 1; ; made += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (made === ATTEMPTS || !mayRepeat(error)) throw error;
    }
    await Bun.sleep(2 ** made * 12 * (0.5 + Math.random()));
  }
}
