import { afterAll, beforeAll, expect, it } from "bun:test";
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
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it("lets one work at a time, among instances and within each", async () => {
    await using one = new PostgresLocks(url);
    await using other = new PostgresLocks(url);
    let working = 0;
    let most = 0;
    const work = async () => {
      working += 1;
      most = Math.max(most, working);
      await Bun.sleep(20);
      working -= 1;
    };
    await Promise.all([one, other, one, other].map((locks) => locks.run("a", work)));
    expect(most).toBe(1);
  });

  it("keeps nobody waiting who works under another name", async () => {
    await using one = new PostgresLocks(url);
    await using other = new PostgresLocks(url);
    const inner = await one.run("a", () => other.run("b", async () => "done"));
    expect(inner).toBe("done");
  });

  it("gives the locks of an instance back when its connection ends", async () => {
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

  it("waits no longer than its signal allows", async () => {
    await using one = new PostgresLocks(url);
    await using other = new PostgresLocks(url);
    await one.run("d", async () => {
      const waiting = other.run("d", async () => {}, AbortSignal.timeout(50));
      await expect(waiting).rejects.toThrow("timed out");
    });
  });

  it("passes a failure on and gives the lock back", async () => {
    await using locks = new PostgresLocks(url);
    const failure = new Error("work failed");
    await expect(locks.run("e", () => Promise.reject(failure))).rejects.toBe(failure);
    expect(await locks.run("e", async () => 1)).toBe(1);
  });
});
