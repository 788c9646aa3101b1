import { afterAll, beforeAll, expect, it } from "bun:test";
import { metadataStoreContract } from "../../test/contracts/metadata-store.contract.ts";
import { linkSample, REPOSITORY, sampleBlob } from "../../test/contracts/metadata-store-samples.ts";
import { sqlEngineContract } from "../../test/contracts/sql-engine.contract.ts";
import { eventually } from "../../test/support/eventually.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../../test/support/postgres.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { openPostgresEngine } from "./postgres-engine.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";

const binaries = await findPostgres();

describeWith("PostgreSQL", binaries !== undefined, "initdb and postgres are not installed", () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres(binaries as string);
  }, 120_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  }, 120_000);

  sqlEngineContract("PostgreSQL", async () => {
    const url = await server.createDatabase();
    const engine = await openPostgresEngine(url);
    const other = await openPostgresEngine(url);
    return {
      engine,
      other,
      async [Symbol.asyncDispose]() {
        await engine[Symbol.asyncDispose]();
        await other[Symbol.asyncDispose]();
      },
    };
  });

  metadataStoreContract("PostgreSQL", async () => {
    const url = await server.createDatabase();
    // Both also create the schema at once.
    const [store, other] = await Promise.all(
      [1, 2].map(async () => openMetadataStore(await openPostgresEngine(url))),
    );
    if (!store || !other) throw new Error("two stores are needed");
    return {
      store,
      other,
      async [Symbol.asyncDispose]() {
        await store[Symbol.asyncDispose]();
        await other[Symbol.asyncDispose]();
      },
    };
  });

  it("keeps every acknowledged commit when the server crashes, and reconnects by itself", async () => {
    await using store = await openMetadataStore(await openPostgresEngine(await server.createDatabase()));
    for (const how of ["crash", "fast"] as const) {
      const acknowledged: string[] = [];
      const writing = new AbortController();
      const writers = Array.from({ length: 4 }, async (_, writer) => {
        for (let number = 0; !writing.signal.aborted; number += 1) {
          const seed = `${how} ${writer} ${number}`;
          // A failed link is not acknowledged.
          const linked = await linkSample(store, seed).then(
            () => true,
            () => false,
          );
          if (linked) acknowledged.push(seed);
        }
      });
      try {
        await eventually(() => acknowledged.length > 20);
        await server.stop(how);
        await server.start();
        const before = acknowledged.length;
        await eventually(() => acknowledged.length > before + 20);
      } finally {
        writing.abort();
        await Promise.all(writers);
      }
      const found = acknowledged.map((seed) =>
        store.links.findLinkedBlob(REPOSITORY, sampleBlob(seed).digest),
      );
      expect(await Promise.all(found)).toEqual(acknowledged.map(sampleBlob));
    }
  }, 180_000);

  it("answers reads during a restart of the server without an error", async () => {
    await using store = await openMetadataStore(await openPostgresEngine(await server.createDatabase()));
    const digest = await linkSample(store, "a");
    await server.stop("fast");
    const reads = Array.from({ length: 20 }, () => store.links.findLinkedBlob(REPOSITORY, digest));
    await server.start();
    expect(await Promise.all(reads)).toEqual(reads.map(() => sampleBlob("a")));
  }, 60_000);

  it("fails with a clear reason when there is no server", async () => {
    await expect(openPostgresEngine("postgres://slipway@127.0.0.1:1/none")).rejects.toThrow(/connect/i);
  }, 60_000);
});
