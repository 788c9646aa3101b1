import type { SourcePackage } from "../builder/package-index.ts";

/** Number of spaces between columns. */
const GAP = 2;
/** Maximum width of a version on a narrow terminal. */
const VERSION_WIDTH = 16;
/** Minimum width of a terminal on which versions are printed in full. */
const WIDE_COLUMNS = 100;
/** Minimum width of a description; with less space it is left out. */
const DESCRIPTION_WIDTH = 8;
const ELLIPSIS = "…";

/** The image name to pull a package by, without the host. */
export function imageOf({ source, name }: SourcePackage): string {
  return `${source}/${name}`;
}

/**
 * Formats packages as lines of a table: image, version, description. Cuts versions and descriptions to fit a terminal
 * of `columns`, but never names, so that users can copy them.
 */
export function searchTable(
  packages: readonly SourcePackage[],
  columns = Number.POSITIVE_INFINITY,
): readonly string[] {
  const imageWidth = Math.min(maxWidth(packages.map(imageOf)), Math.floor(columns / 2));
  const maxVersionWidth = columns < WIDE_COLUMNS ? VERSION_WIDTH : Number.POSITIVE_INFINITY;
  const versionWidth = Math.min(maxWidth(packages.map(({ version }) => version)), maxVersionWidth);
  const gap = " ".repeat(GAP);
  return packages.map((one) => {
    const version = padded(cut(one.version, versionWidth), versionWidth);
    const line = `${padded(imageOf(one), imageWidth)}${gap}${version}${gap}`;
    const room = columns - Bun.stringWidth(line);
    return (room < DESCRIPTION_WIDTH ? line : line + cut(one.description, room)).trimEnd();
  });
}

function maxWidth(texts: readonly string[]): number {
  return texts.reduce((max, text) => Math.max(max, Bun.stringWidth(text)), 0);
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(width - Bun.stringWidth(text), 0));
}

/** Returns the text, cut with an ellipsis if it is wider than `width`. */
function cut(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let kept = "";
  let left = width - Bun.stringWidth(ELLIPSIS);
  for (const character of text) {
    left -= Bun.stringWidth(character);
    if (left < 0) break;
    kept += character;
  }
  return kept.trimEnd() + ELLIPSIS;
}
