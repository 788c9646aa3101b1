import { afterAll, beforeAll, expect, it } from "bun:test";
import { WORK_LOCKS_CASES } from "../../test/contracts/work-locks.contract.ts";
import { findPostgres, type PostgresServer, startPostgres } from "../../test/support/postgres.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { PostgresLocks } from "./postgres-locks.ts";

const binaries = await findPostgres();

describeWith("PostgresLocks with PostgreSQL", binaries !== undefined, "initdb, postgres", () => {
  let server: PostgresServer;
  let url: string;

  beforeAll(async () => {
    server = await startPostgres(binaries as string);
    url = await server.createDatabase();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose](), 120_000);

  it.each(WORK_LOCKS_CASES.map(({ name, run }) => [name, run] as const))("%s", async (_, run) => {
    await using one = new PostgresLocks(url);
    await using other = new PostgresLocks(url);
    await run({ one, other, [Symbol.asyncDispose]: async () => {} });
  });

  it("releases an instance's locks when its connection ends", async () => {
    const dead = new PostgresLocks(url);
    await using heir = new PostgresLocks(url);
    const taken = Promise.withResolvers<void>();
    const forEver = dead.run("c", () => {
      taken.resolve();
      return new Promise<never>(() => {});
    });
    forEver.catch(() => {});
    await taken.promise;
    await dead[Symbol.asyncDispose]();
    expect(await heir.run("c", async () => "inherited")).toBe("inherited");
  });
});
