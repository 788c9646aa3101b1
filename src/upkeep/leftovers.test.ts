import { afterAll, beforeAll, expect, it } from "bun:test";
import { join } from "node:path";
import pino from "pino";
import { chunks } from "../../test/contracts/content-driver-samples.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { leftoverReport } from "./leftover-report.ts";
import { countLeftovers } from "./leftovers.ts";

const REPOSITORY = parseRepositoryName("team/app");
const HOUR_MS = 3_600_000;

let folder: TemporaryFolder;
let metadata: MetadataStore;
let store: BlobStore;

/** A blob and an upload that are in use, and two blobs, an upload and a session that are left over. */
beforeAll(async () => {
  folder = await temporaryFolder("leftovers");
  metadata = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
  store = new BlobStore(await FilesystemDriver.open({ root: join(folder.path, "content") }));
  const linked = await storeBlob("linked");
  await metadata.links.linkBlob(REPOSITORY, linked, [linked.digest]);
  await storeBlob("lost");
  await storeBlob("lost as well");
  const known = await store.create();
  await known.append(chunks(["known"]));
  await metadata.uploads.addUpload({ id: known.id, repository: REPOSITORY, startedAt: new Date() });
  await (await store.create()).append(chunks(["nobody's"]));
  const startedAt = new Date(Date.now() - 2 * HOUR_MS);
  await metadata.uploads.addUpload({ id: "expired" as typeof known.id, repository: REPOSITORY, startedAt });
});

afterAll(async () => {
  await metadata[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function storeBlob(text: string) {
  const upload = await store.create();
  await upload.append(chunks([text]));
  return await upload.commitUnclaimed();
}

const parts = () => ({ content: store, ledger: metadata.content });
const never = new AbortController().signal;

it("counts blobs without a record, uploads without a session and sessions that have expired", async () => {
  const bounds = {
    unchangedSince: new Date(Date.now() + 1000),
    sessionsExpireBefore: new Date(Date.now() - HOUR_MS),
  };
  expect(await countLeftovers(parts(), bounds, never)).toEqual({
    blobs: { count: 2, bytes: 16 },
    uploads: { count: 1, bytes: 8 },
    expiredSessions: 1,
    isComplete: true,
  });
});

it("skips what changed a moment ago: a request may be about to record it", async () => {
  const bounds = { unchangedSince: new Date(Date.now() - HOUR_MS), sessionsExpireBefore: new Date(0) };
  expect(await countLeftovers(parts(), bounds, never)).toEqual({
    blobs: { count: 0, bytes: 0 },
    uploads: { count: 0, bytes: 0 },
    expiredSessions: 0,
    isComplete: true,
  });
});

it("stops when its signal is aborted", async () => {
  const bounds = { unchangedSince: new Date(), sessionsExpireBefore: new Date() };
  const stopped = AbortSignal.abort(new Error("the server is stopping"));
  await expect(countLeftovers(parts(), bounds, stopped)).rejects.toThrow("the server is stopping");
});

it("is logged in one line when a server starts", async () => {
  const { promise: line, resolve } = Promise.withResolvers<string>();
  await leftoverReport(parts(), HOUR_MS / 1000, pino({}, { write: resolve })).run(never);
  expect(JSON.parse(await line)).toMatchObject({
    msg: "leftovers of interrupted uploads",
    blobs: { count: 2, bytes: 16 },
    uploads: { count: 1, bytes: 8 },
    expiredSessions: 1,
  });
});
