import { expect, it } from "bun:test";
import { join } from "node:path";
import { findPostgres, startPostgres } from "../../test/support/postgres.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { Digest } from "../oci/digest.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { DatabaseTooNewError, migrate } from "./migrate.ts";
import { openPostgresEngine } from "./postgres-engine.ts";
import { MIGRATIONS } from "./schema.ts";
import type { SqlEngine } from "./sql-engine.ts";
import { SqlManifests } from "./sql-manifests.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { SqlReferrers } from "./sql-referrers.ts";
import type { Migration } from "./sql-types.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const LATER: Migration = (types) => [`CREATE TABLE later (id ${types.identity})`];

it("runs only the steps that the database is missing", async () => {
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

it("refuses a database from a newer version, and leaves it unchanged", async () => {
  await using folder = await temporaryFolder("migrate");
  const file = join(folder.path, "metadata.db");
  await using engine = await openSqliteEngine(file);
  await migrate(engine, [...MIGRATIONS, LATER]);
  const everything = () => engine.query("SELECT * FROM sqlite_schema ORDER BY name");
  const before = await everything();
  await expect(migrate(engine)).rejects.toThrow(DatabaseTooNewError);
  await expect(openMetadataStore(await openSqliteEngine(file))).rejects.toThrow(
    `schema version ${MIGRATIONS.length + 1}, but this program knows only ${MIGRATIONS.length}`,
  );
  expect(await everything()).toEqual(before);
}, 60_000);

it("changes nothing when a step fails", async () => {
  await using folder = await temporaryFolder("migrate");
  await using engine = await openSqliteEngine(join(folder.path, "metadata.db"));
  const broken: Migration = () => ["CREATE TABLE half (id INTEGER)", "CREATE TABLE half (id INTEGER)"];
  await expect(migrate(engine, [broken])).rejects.toThrow(/half/);
  await expect(engine.query("SELECT id FROM half")).rejects.toThrow(/half/);
  await migrate(engine);
}, 60_000);

it("migrates once when several processes start at once", async () => {
  await using folder = await temporaryFolder("migrate");
  const engines = await Promise.all(
    [1, 2, 3, 4].map(() => openSqliteEngine(join(folder.path, "metadata.db"))),
  );
  await Promise.all(engines.map((engine) => migrate(engine)));
  for (const engine of engines) await engine[Symbol.asyncDispose]();
}, 60_000);

/** Migrates a database from the second version, with three manifests; resolves to the referrers that it then lists. */
async function describedAfterMigration(engine: SqlEngine): Promise<unknown> {
  await migrate(engine, MIGRATIONS.slice(0, 2));
  await engine.transaction(
    async (session) => {
      await session.query("INSERT INTO repositories (name) VALUES ('a')");
      const insert = `INSERT INTO manifests
        (repository, canonical, digest, media_type, size, subject, artifact_type, annotations, created_at, bytes)
        VALUES ('a', $1, $1, 'type "x"', 2, 'subject', $2, $3, 0, $4)`;
      const bytes = new Uint8Array(2);
      const insertLarge = `INSERT INTO manifests
        (repository, canonical, digest, media_type, size, subject, annotations, created_at, bytes)
        VALUES ('a', 'three', 'three', 'large', $1, 'subject', $2, 0, $3)`;
      await session.query(insert, ["one", null, null, bytes]);
      await session.query(insert, ["two", "kind", '{"k":"\u00e9\\n"}', bytes]);
      await session.query(insertLarge, [LARGE.byteLength, JSON.stringify(LARGE_ANNOTATIONS), LARGE]);
      await session.query(
        "INSERT INTO manifest_digests (repository, digest, manifest_id) SELECT 'a', digest, id FROM manifests",
      );
    },
    { durable: false },
  );
  await migrate(engine);
  const repository = parseRepositoryName("a");
  const [manifests, referrers] = [new SqlManifests(engine, 0), new SqlReferrers(engine)];
  const found = await referrers.listReferrers(repository, "subject" as Digest, {}, { limit: 10 });
  const list = await textOf(referrers.readDescriptors(repository, found));
  expect(await textOf(manifests.readManifest(repository, "three" as Digest))).toBe(LARGE.toString());
  return JSON.parse(`[${list}]`);
}

async function textOf(pieces: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await Array.fromAsync(pieces, (piece) => piece.slice())).toString();
}

/** Too large to be stored whole; every piece has different bytes. */
const LARGE = Buffer.from(Array.from({ length: 60_000 }, (_, i) => String(i)).join(" "));
const LARGE_ANNOTATIONS = { large: LARGE.toString("hex") };

const DESCRIBED = [
  { mediaType: 'type "x"', digest: "one", size: 2 },
  { mediaType: "large", digest: "three", size: LARGE.byteLength, annotations: LARGE_ANNOTATIONS },
  { mediaType: 'type "x"', digest: "two", size: 2, artifactType: "kind", annotations: { k: "\u00e9\n" } },
];

it("computes descriptors for manifests stored before descriptors existed", async () => {
  await using folder = await temporaryFolder("migrate");
  await using engine = await openSqliteEngine(join(folder.path, "metadata.db"));
  expect(await describedAfterMigration(engine)).toEqual(DESCRIBED);
});

const postgres = await findPostgres();

describeWith("PostgreSQL", postgres !== undefined, "initdb and postgres are not installed", () => {
  it("computes descriptors for manifests stored before descriptors existed", async () => {
    await using server = await startPostgres(postgres as string);
    await using engine = await openPostgresEngine(await server.createDatabase());
    expect(await describedAfterMigration(engine)).toEqual(DESCRIBED);
  }, 120_000);
});
