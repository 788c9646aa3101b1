const PREFIX = "FIGURE ";

/** A measured value of a run, such as `peak beside the mix` and `231 MiB`. */
export interface Figure {
  readonly name: string;
  readonly value: string;
}

/** Prints a measured value, which `npm run soak` repeats in its table. */
export function figure(name: string, value: string): void {
  console.log(`${PREFIX}${name}: ${value}`);
}

/** The value in `line`, if {@link figure} printed it. */
export function parseFigure(line: string): Figure | undefined {
  if (!line.startsWith(PREFIX)) return undefined;
  const [name = "", value = ""] = line.slice(PREFIX.length).split(/: (?=[^:]*$)/);
  return { name, value };
}
