import { afterEach, beforeEach, expect, it } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, sampleBlob } from "../../test/contracts/metadata-store-samples.ts";
import { delegating } from "../../test/support/delegating.ts";
import { eventually } from "../../test/support/eventually.ts";
import { ManualClock } from "../../test/support/manual-clock.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { createLogger } from "../log.ts";
import type { UnlinkLog } from "../metadata/ports/blob-ledger.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { ClusterBlobLinks } from "./cluster-blob-links.ts";

const LOG = createLogger("fatal");
const BLOB = sampleBlob("a");
/** How long a read of the log is trusted, in milliseconds. */
const TRUST_MS = 150;

let folder: TemporaryFolder;
let store: MetadataStore;
let clock: ManualClock;

beforeEach(async () => {
  clock = new ManualClock();
  folder = await temporaryFolder("cluster-links");
  store = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.db")));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** An instance on the store. `log` replaces methods of its unlink log. */
function openInstance(log: Partial<UnlinkLog> = {}) {
  let asked = 0;
  const authority = delegating(store.links, {
    findLinkedBlob(...link) {
      asked += 1;
      return store.links.findLinkedBlob(...link);
    },
  });
  const unlinks = delegating(store.unlinks, log);
  const parts = { authority, unlinks, shared: undefined, maxEntries: 100, log: LOG, clock };
  const links = new ClusterBlobLinks(parts);
  /** Looks up a blob; resolves to the answer, and whether the authority was asked. */
  const ask = async (digest = BLOB.digest) => {
    const before = asked;
    return { found: await links.findLinkedBlob(REPOSITORY, digest), asked: asked > before };
  };
  return { links, ask, [Symbol.dispose]: () => links[Symbol.dispose]() };
}

/** Looks up a blob until the answer comes from memory. */
async function warm({ ask }: ReturnType<typeof openInstance>, digest = BLOB.digest): Promise<void> {
  await eventually(async () => !(await ask(digest)).asked);
}

/** Advances the clock until `work` is done. */
async function advanceUntilDone<Result>(work: Promise<Result>): Promise<Result> {
  await eventually(async () => {
    await clock.advance(10);
    return Bun.peek.status(work) !== "pending";
  });
  return work;
}

it("answers without the authority once it has read the log", async () => {
  await store.links.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  using instance = openInstance();
  expect(await instance.ask()).toEqual({ found: BLOB, asked: true });
  await warm(instance);
  expect(await instance.ask()).toEqual({ found: BLOB, asked: false });
});

it("serves nothing that another instance deleted, from the moment the delete resolves", async () => {
  using one = openInstance();
  using other = openInstance();
  for (let round = 0; round < 5; round += 1) {
    await store.links.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
    await Promise.all([warm(one), warm(other)]);
    expect(await other.ask()).toEqual({ found: BLOB, asked: false });
    expect(await advanceUntilDone(one.links.unlinkBlob(REPOSITORY, BLOB.digest))).toBe(true);
    expect(await other.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
    expect(await one.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
  }
});

it("serves nothing deleted while its read of the log hung, from the moment the delete resolves", async () => {
  await store.links.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  let hangs = false;
  using hung = openInstance({
    latestUnlink: () => (hangs ? new Promise(() => {}) : store.unlinks.latestUnlink()),
  });
  using one = openInstance();
  await warm(hung);
  hangs = true;
  const deleting = one.links.unlinkBlob(REPOSITORY, BLOB.digest);
  await eventually(async () => (await store.links.findLinkedBlob(REPOSITORY, BLOB.digest)) === undefined);
  expect(await hung.ask()).toEqual({ found: BLOB, asked: false });
  expect(await advanceUntilDone(deleting)).toBe(true);
  expect(await hung.ask()).toEqual({ found: undefined, asked: true });
});

it("serves nothing deleted by an instance that died before it could report the delete", async () => {
  await store.links.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  using survivor = openInstance();
  await warm(survivor);
  await store.links.unlinkBlob(REPOSITORY, BLOB.digest);
  expect(await survivor.ask()).toEqual({ found: BLOB, asked: false });
  await clock.advance(TRUST_MS);
  expect(await survivor.ask()).toEqual({ found: undefined, asked: true });
});

it("asks the authority while it cannot read the log", async () => {
  await store.links.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  let isReachable = true;
  using instance = openInstance({
    latestUnlink: () => (isReachable ? store.unlinks.latestUnlink() : Promise.reject(new Error("away"))),
  });
  await warm(instance);
  isReachable = false;
  await store.links.unlinkBlob(REPOSITORY, BLOB.digest);
  await clock.advance(TRUST_MS - 1);
  expect(await instance.ask()).toEqual({ found: BLOB, asked: false });
  await clock.advance(1);
  expect(await instance.ask()).toEqual({ found: undefined, asked: true });
});

it("forgets everything when the log no longer reaches back to where it stopped", async () => {
  let held = 0;
  const kept = sampleBlob("kept");
  using instance = openInstance({
    latestUnlink: async () => held,
    listUnlinks: async (after: number) =>
      after < held ? [{ number: held, repository: REPOSITORY, digest: sampleBlob("b").digest }] : [],
  });
  for (const blob of [BLOB, kept]) {
    await store.links.linkBlob(REPOSITORY, blob, [blob.digest]);
    await warm(instance, blob.digest);
  }
  held = 20_000;
  await store.links.unlinkBlob(REPOSITORY, BLOB.digest);
  expect(await instance.ask()).toEqual({ found: BLOB, asked: false });
  await clock.advance(TRUST_MS / 2);
  expect(await instance.ask()).toEqual({ found: undefined, asked: true });
  // Its memory is trusted again, but empty.
  expect(await instance.ask(kept.digest)).toEqual({ found: kept, asked: true });
  expect(await instance.ask(kept.digest)).toEqual({ found: kept, asked: false });
});
