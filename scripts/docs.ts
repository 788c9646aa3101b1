// Writes the pages under docs/, and the table on one, that are generated from the program's tables. With --check, it only reports outdated pages.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { apiPage } from "./lib/api-page.ts";
import { configPage } from "./lib/config-page.ts";
import { withDifferenceTable } from "./lib/difference-table.ts";

const ROOT = join(import.meta.dir, "..");

/** The pages, and what makes a page from its present text. */
const PAGES: readonly (readonly [string, (current: string) => string])[] = [
  ["docs/api.md", apiPage],
  ["docs/builder.md", withDifferenceTable],
  ["docs/config.md", configPage],
];

const check = process.argv.includes("--check");
for (const [path, make] of PAGES) {
  const file = join(ROOT, path);
  const current = await readFile(file, "utf8").catch(() => "");
  const text = make(current);
  if (current === text) continue;
  if (check) {
    console.error(`${path} is out of date; run: node scripts/bun.mjs scripts/docs.ts`);
    process.exitCode = 1;
  } else {
    await writeFile(file, text);
    console.log(`wrote ${path}`);
  }
}
