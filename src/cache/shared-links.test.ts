import { afterEach, beforeEach, expect, it } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, sampleBlob } from "../../test/contracts/metadata-store-samples.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { createLogger } from "../log.ts";
import type { BlobLinks, MetadataStore } from "../metadata/metadata-store.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { SharedLinks } from "./shared-links.ts";

const LOG = createLogger("fatal");
const BLOB = sampleBlob("a");

let folder: TemporaryFolder;
let store: MetadataStore;

beforeEach(async () => {
  folder = await temporaryFolder("shared-links");
  store = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.db")));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** An instance's view of the store, and how often it asked the authority. */
function openInstance() {
  let asked = 0;
  const counting = {
    ...store,
    findLinkedBlob: (...link: Parameters<BlobLinks["findLinkedBlob"]>) => {
      asked += 1;
      return store.findLinkedBlob(...link);
    },
  };
  const links = new SharedLinks({ authority: counting, shared: undefined, maxEntries: 100, log: LOG });
  return { links, asked: () => asked, [Symbol.dispose]: () => links[Symbol.dispose]() };
}

/** Asks until an answer comes without the authority. */
async function warm({ links, asked }: ReturnType<typeof openInstance>): Promise<void> {
  for (let before = -1; before !== asked(); await Bun.sleep(5)) {
    before = asked();
    await links.findLinkedBlob(REPOSITORY, BLOB.digest);
  }
}

it("answers without the authority once it has heard the log", async () => {
  await store.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  using instance = openInstance();
  await warm(instance);
  expect(await instance.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toEqual(BLOB);
});

it("serves nothing that another instance deleted, from the moment the delete resolves", async () => {
  using one = openInstance();
  using other = openInstance();
  for (let round = 0; round < 5; round += 1) {
    await store.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
    await Promise.all([warm(one), warm(other)]);
    expect(await one.links.unlinkBlob(REPOSITORY, BLOB.digest)).toBe(true);
    expect(await other.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
    expect(await one.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
  }
});

it("serves nothing that an instance deleted which died before it could tell", async () => {
  await store.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  using survivor = openInstance();
  await warm(survivor);
  await store.unlinkBlob(REPOSITORY, BLOB.digest);
  await Bun.sleep(160);
  expect(await survivor.links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
});

it("asks the authority while it cannot hear the log", async () => {
  await store.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  let isReachable = true;
  const authority = {
    ...store,
    latestUnlink: () => (isReachable ? store.latestUnlink() : Promise.reject(new Error("away"))),
  };
  using links = new SharedLinks({ authority, shared: undefined, maxEntries: 100, log: LOG });
  await links.findLinkedBlob(REPOSITORY, BLOB.digest);
  await Bun.sleep(60);
  await links.findLinkedBlob(REPOSITORY, BLOB.digest);
  isReachable = false;
  await store.unlinkBlob(REPOSITORY, BLOB.digest);
  await Bun.sleep(160);
  expect(await links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
});

it("forgets everything when the log no longer reaches back to where it stopped", async () => {
  let held = 0;
  const authority = {
    ...store,
    latestUnlink: async () => held,
    listUnlinks: async (after: number) =>
      after < held ? [{ number: held, repository: REPOSITORY, digest: sampleBlob("b").digest }] : [],
  };
  await store.linkBlob(REPOSITORY, BLOB, [BLOB.digest]);
  using links = new SharedLinks({ authority, shared: undefined, maxEntries: 100, log: LOG });
  for (let turn = 0; turn < 20; turn += 1) {
    await links.findLinkedBlob(REPOSITORY, BLOB.digest);
    await Bun.sleep(5);
  }
  held = 20_000;
  await store.unlinkBlob(REPOSITORY, BLOB.digest);
  await Bun.sleep(160);
  expect(await links.findLinkedBlob(REPOSITORY, BLOB.digest)).toBeUndefined();
});
