import { textRewrite } from "./rewrite.ts";

const MAGIC = "% ls-R -- ";

/**
 * TeX's database of file names with its folders, and the names in each, in order. `mktexlsr` lists them in the order of the
 * disk, which differs from file system to file system.
 */
export const rewriteFileDatabase = textRewrite((text) => {
  if (!text.startsWith(MAGIC)) return text;
  const [begin = "", ...folders] = text.trimEnd().split("\n\n");
  return `${begin}\n\n${folders.map(sortedFolder).toSorted().join("\n\n")}\n`;
});

/** One or two names of a folder, each with a colon, and the names in it. */
function sortedFolder(folder: string): string {
  const lines = folder.split("\n");
  const isName = (line: string) => line.endsWith(":");
  return [...lines.filter(isName), ...lines.filter((line) => !isName(line)).toSorted()].join("\n");
}
