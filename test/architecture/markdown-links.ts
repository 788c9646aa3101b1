import { dirname, normalize } from "node:path/posix";

/** `[text](target)`, `[name]: target`, and the attributes of HTML in Markdown. */
const LINKS: readonly RegExp[] = [
  /\]\(\s*<?([^)\s>]+)/g,
  /^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)/gm,
  /<[^>]*?\s(?:href|src)="([^"]+)"/g,
];

/** Links in code are not links. */
const CODE = /^( {0,3})(`{3,}|~{3,})[\s\S]*?^\1\2.*$|(`+)[^`][\s\S]*?\3/gm;

/** One line for each broken relative link of the Markdown file at `path`; `files` are all files. */
export function linkProblems(path: string, text: string, files: readonly string[]): readonly string[] {
  const prose = text.replace(CODE, "");
  return LINKS.flatMap((pattern) => [...prose.matchAll(pattern)].map((match) => match[1] as string))
    .filter((link) => !/^(?:[a-z][a-z+.-]*:|#|\/\/)/i.test(link))
    .filter((link) => {
      const target = decodeURI(link.replace(/[?#].*$/, ""));
      const place = normalize(`${dirname(path)}/${target}`).replace(/\/$/, "");
      return target.startsWith("/") || !files.some((file) => file === place || file.startsWith(`${place}/`));
    })
    .map((link) => `${path} links ${link}, which does not exist`);
}
