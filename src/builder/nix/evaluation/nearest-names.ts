const MOST = 3;
/** Names that differ in more than one letter in three are not near. */
const SHARE = 3;

/** The names nearest to `wanted`, at most three, nearest first: those that differ in few letters, whatever their case. */
export function nearestNames(wanted: string, names: readonly string[]): readonly string[] {
  const sought = wanted.toLowerCase();
  const limit = Math.floor(sought.length / SHARE);
  return names
    .filter((name) => Math.abs(name.length - sought.length) <= limit)
    .map((name) => ({ name, distance: distanceOf(sought, name.toLowerCase(), limit) }))
    .filter(({ distance }) => distance <= limit)
    .toSorted((one, other) => one.distance - other.distance || (one.name < other.name ? -1 : 1))
    .slice(0, MOST)
    .map(({ name }) => name);
}

/**
 * How many letters to change, add or leave out to get from one name to the other. Beyond `limit`, any number above it.
 */
function distanceOf(one: string, other: string, limit: number): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= other.length; to += 1) {
      const changed = (row[to - 1] ?? 0) + (letter === other[to - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > limit) return limit + 1;
    row = next;
  }
  return row.at(-1) ?? 0;
}
