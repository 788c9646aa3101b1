/** Number of values in a list statement. Lists are cut and padded to this length, so that the text never varies. */
const CHUNK_LENGTH = 32;

/** Cuts `values` into lists of the length that the statements below take; the last list repeats its final value. */
export function chunksOf<T>(values: readonly T[]): readonly (readonly T[])[] {
  const chunks: T[][] = [];
  for (let start = 0; start < values.length; start += CHUNK_LENGTH) {
    const chunk = values.slice(start, start + CHUNK_LENGTH);
    const final = chunk.at(-1) as T;
    while (chunk.length < CHUNK_LENGTH) chunk.push(final);
    chunks.push(chunk);
  }
  return chunks;
}

/** `($first, $first+1, …)`: one parameter for each value of a chunk, for use after `IN`. */
export function inList(first: number): string {
  return `(${Array.from({ length: CHUNK_LENGTH }, (_, index) => `$${first + index}`).join(", ")})`;
}

/** `(row(0)), (row(1)), …`: one row for each value of a chunk, for use after `VALUES`. */
export function valuesList(row: (index: number) => string): string {
  return Array.from({ length: CHUNK_LENGTH }, (_, index) => `(${row(index)})`).join(", ");
}
