import { textRewrite } from "./rewrite.ts";

const MENU = "\n* Menu:";
const ENTRY = "* ";

/**
 * The directory of Info documents with its sections, and the entries of each, in order. `update-info-dir` adds them in the
 * order in which the disk lists the documents, which differs from file system to file system.
 */
export const rewriteInfoDirectory = textRewrite((text) => {
  const begin = text.indexOf("\n\n", text.indexOf(MENU));
  const end = text.trimEnd().length;
  if (!text.includes(MENU) || begin < 0 || end <= begin) return text;
  const sections = text.slice(begin, end).split("\n\n").slice(1);
  const sorted = sections.map(sortedSection).toSorted();
  return `${text.slice(0, begin)}\n\n${sorted.join("\n\n")}${text.slice(end)}`;
});

/** A title, and entries that may go over several lines. */
function sortedSection(section: string): string {
  const [title = "", ...entries] = section.split(`\n${ENTRY}`);
  return [title, ...entries.toSorted()].join(`\n${ENTRY}`);
}
