/** Maximum attempts at work that another transaction or a lost connection rolled back. */
const ATTEMPTS = 8;

/** Repeats `attempt` while `mayRepeat` accepts its error, with growing pauses, for about 3 seconds in total. */
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
