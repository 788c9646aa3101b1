import { expect, it } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { DatabaseTooNewError, migrate } from "./migrate.ts";
import { MIGRATIONS, type Migration } from "./schema.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const LATER: Migration = (types) => [`CREATE TABLE later (id ${types.identity})`];

it("takes only the steps that a database has not taken", async () => {
  await using folder = await temporaryFolder("migrate");
  await using engine = await openSqliteEngine(join(folder.path, "metadata.db"));
  await migrate(engine);
  await migrate(engine, [...MIGRATIONS, LATER]);
  await migrate(engine, [...MIGRATIONS, LATER]);
  expect(await engine.query("SELECT version FROM schema_version")).toEqual([
    { version: MIGRATIONS.length + 1 },
  ]);
  expect(await engine.query("SELECT id FROM later")).toEqual([]);
}, 60_000);

it("refuses a database that a newer program wrote, and leaves it as it is", async () => {
  await using folder = await temporaryFolder("migrate");
  const file = join(folder.path, "metadata.db");
  await using engine = await openSqliteEngine(file);
  await migrate(engine, [...MIGRATIONS, LATER]);
  const epoch = engine.epoch();
  await expect(migrate(engine)).rejects.toThrow(DatabaseTooNewError);
  await expect(openMetadataStore(await openSqliteEngine(file))).rejects.toThrow(
    `schema version ${MIGRATIONS.length + 1}, but this program knows only ${MIGRATIONS.length}`,
  );
  expect(engine.epoch()).toBe(epoch as number);
}, 60_000);

it("changes nothing when a step fails", async () => {
  await using folder = await temporaryFolder("migrate");
  await using engine = await openSqliteEngine(join(folder.path, "metadata.db"));
  const broken: Migration = () => ["CREATE TABLE half (id INTEGER)", "CREATE TABLE half (id INTEGER)"];
  await expect(migrate(engine, [broken])).rejects.toThrow(/half/);
  await expect(engine.query("SELECT id FROM half")).rejects.toThrow(/half/);
  await migrate(engine);
}, 60_000);

it("migrates once when several do so at once", async () => {
  await using folder = await temporaryFolder("migrate");
  const engines = await Promise.all(
    [1, 2, 3, 4].map(() => openSqliteEngine(join(folder.path, "metadata.db"))),
  );
  await Promise.all(engines.map((engine) => migrate(engine)));
  for (const engine of engines) await engine[Symbol.asyncDispose]();
}, 60_000);
