import { expect, it } from "bun:test";
import type { SourcePackage } from "../builder/package-index.ts";
import { searchTable } from "./search-table.ts";

function sample(name: string, version: string, description: string): SourcePackage {
  return { source: "apt", name, version, description, match: "name" };
}

const PACKAGES = [
  sample("curl", "7.88.1", "command line tool for transferring data with URL syntax"),
  sample("wide", "1", "百百百百百百百百百百百百百百百百百百百百百百百"),
  sample("plain", "2:20240101+dfsg-1~deb12u1", ""),
];

it("prints everything in full without a terminal", () => {
  expect(searchTable(PACKAGES, undefined)).toEqual([
    "apt/curl   7.88.1                     command line tool for transferring data with URL syntax",
    `apt/wide   1                          ${PACKAGES[1]?.description}`,
    "apt/plain  2:20240101+dfsg-1~deb12u1",
  ]);
});

it.each([200, 80, 50, 40, 29])("fits a terminal of %p columns", (columns) => {
  const lines = searchTable(PACKAGES, columns);
  for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  expect(lines[0]).toStartWith("apt/curl   7.88.1");
  expect(lines[2]).toStartWith("apt/plain  2:20240101+dfsg");
});

it("cuts versions and descriptions with an ellipsis, and names never", () => {
  expect(searchTable(PACKAGES, 50)).toEqual([
    "apt/curl   7.88.1            command line tool fo…",
    "apt/wide   1                 百百百百百百百百百百…",
    "apt/plain  2:20240101+dfsg…",
  ]);
  expect(searchTable(PACKAGES, 30)).toEqual([
    "apt/curl   7.88.1",
    "apt/wide   1",
    "apt/plain  2:20240101+dfsg…",
  ]);
});

it("lets a very long name take space from its own description only", () => {
  const long = sample("golang-github-someone-something-client-dev", "1.2-3", "a library");
  expect(searchTable([sample("guile", "3.0", "a language with a long description"), long], 60)).toEqual([
    "apt/guile                       3.0    a language with a lo…",
    "apt/golang-github-someone-something-client-dev  1.2-3",
  ]);
});

it("prints no lines without packages", () => {
  expect(searchTable([], 80)).toEqual([]);
});
