import type { Rewrite } from "./rewrite.ts";

const MENU = "\n* Menu:";
const ENTRY = "* ";

/**
 * The directory of Info documents with its sections, and the entries of each, in order. `update-info-dir` adds them in the
 * order in which the disk lists the documents, which differs from file system to file system.
 */
export const rewriteInfoDirectory: Rewrite = (_path, bytes) => {
  // Latin-1, so that any bytes come through.
  const text = Buffer.from(bytes).toString("latin1");
  const menu = text.indexOf(MENU);
  const begin = text.indexOf("\n\n", menu);
  if (menu < 0 || begin < 0) return "unchanged";
  const end = text.trimEnd().length;
  if (end <= begin) return "unchanged";
  const sections = text.slice(begin, end).split("\n\n").slice(1);
  const sorted = sections.map(sortedSection).toSorted();
  const rewritten = `${text.slice(0, begin)}\n\n${sorted.join("\n\n")}${text.slice(end)}`;
  return rewritten === text ? "unchanged" : Buffer.from(rewritten, "latin1");
};

/** A title, and entries that may go over several lines. */
function sortedSection(section: string): string {
  const [title = "", ...entries] = section.split(`\n${ENTRY}`);
  return [title, ...entries.toSorted()].join(`\n${ENTRY}`);
}
