import { expect, it } from "bun:test";
import { join } from "node:path";
import pino from "pino";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { checkFinisherAgreement } from "./finisher-agreement.ts";

interface Line {
  readonly level: number;
  readonly here?: string;
  readonly lastStarted?: string;
  readonly msg: string;
}

/** The log lines of one start. */
async function startedWith(path: string, own: string): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const log = pino({ level: "info", base: null }, { write: (line) => void lines.push(JSON.parse(line)) });
  const metadata = await openMetadataStore(await openSqliteEngine(path));
  try {
    await checkFinisherAgreement(metadata.sources, own, log);
  } finally {
    await metadata[Symbol.asyncDispose]();
  }
  return lines;
}

it("warns an instance that finishes images otherwise than the one that started last, in one line", async () => {
  await using folder = await temporaryFolder("finisher-agreement");
  const path = join(folder.path, "metadata.sqlite");
  expect(await startedWith(path, "configured")).toEqual([]);
  expect(await startedWith(path, "configured")).toEqual([]);
  const [warning, ...more] = await startedWith(path, "unpacked");
  expect(more).toEqual([]);
  expect(warning).toMatchObject({ level: 40, here: "unpacked", lastStarted: "configured" });
  expect(warning?.msg).toContain("builder.apt.configure");
  // Once all agree again, only the first one says that something has changed.
  expect(await startedWith(path, "configured")).toHaveLength(1);
  expect(await startedWith(path, "configured")).toEqual([]);
});

it("warns and goes on if the metadata cannot be read", async () => {
  const lines: Line[] = [];
  const log = pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line)) });
  await using folder = await temporaryFolder("finisher-agreement");
  const metadata = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
  await metadata[Symbol.asyncDispose]();
  await checkFinisherAgreement(metadata.sources, "configured", log);
  expect(lines).toMatchObject([{ level: 40, msg: expect.stringContaining("cannot compare") }]);
});
