import type { SourcePackage } from "../builder/package-index.ts";

/** Columns are apart by this many spaces. */
const GAP = 2;
/** What a longer version is cut to on a narrow terminal. */
const VERSION_WIDTH = 16;
/** Columns of a terminal on which versions are printed in full. */
const WIDE_COLUMNS = 100;
/** With less room than this, a description is left out. */
const DESCRIPTION_WIDTH = 8;
const ELLIPSIS = "…";

/** The name to pull a package by, without the host. */
export function imageOf({ source, name }: SourcePackage): string {
  return `${source}/${name}`;
}

/**
 * Packages as lines of a table: image, version, description. On a terminal of `columns`, versions and descriptions are
 * cut to fit; names never are, so that one can copy them.
 */
export function searchTable(
  packages: readonly SourcePackage[],
  columns = Number.POSITIVE_INFINITY,
): readonly string[] {
  const imageWidth = Math.min(widest(packages.map(imageOf)), Math.floor(columns / 2));
  const mostVersion = columns < WIDE_COLUMNS ? VERSION_WIDTH : Number.POSITIVE_INFINITY;
  const versionWidth = Math.min(widest(packages.map(({ version }) => version)), mostVersion);
  const gap = " ".repeat(GAP);
  return packages.map((one) => {
    const version = padded(cut(one.version, versionWidth), versionWidth);
    const line = `${padded(imageOf(one), imageWidth)}${gap}${version}${gap}`;
    const room = columns - Bun.stringWidth(line);
    return (room < DESCRIPTION_WIDTH ? line : line + cut(one.description, room)).trimEnd();
  });
}

function widest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, Bun.stringWidth(text)), 0);
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(width - Bun.stringWidth(text), 0));
}

/** The text, or as much of it as fits, with an ellipsis. */
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
