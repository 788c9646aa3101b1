import { afterAll, beforeAll, expect, it } from "bun:test";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import type { MetadataStore } from "../metadata/metadata-store.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { Uploads } from "./uploads.ts";

const REPOSITORY = parseRepositoryName("team/app");
const later = () => new Date(Date.now() + 60_000);
const fail = (error: unknown) => {
  throw error;
};

let folder: TemporaryFolder;
let metadata: MetadataStore;
let store: BlobStore;
let uploads: Uploads;

beforeAll(async () => {
  folder = await temporaryFolder("uploads");
  metadata = await openMetadataStore(await openSqliteEngine(join(folder.path, "metadata.sqlite")));
  store = new BlobStore(await FilesystemDriver.open({ root: join(folder.path, "content") }));
  uploads = new Uploads(store, metadata, metadata);
});

afterAll(async () => {
  await metadata[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function uploadsInStore(): Promise<number> {
  return (await Array.fromAsync(store.listUploads())).length;
}

it("drops expired sessions with their bytes, and leaves those that are young", async () => {
  const { id } = await uploads.start(REPOSITORY);
  expect(await uploads.purge(new Date(Date.now() - 60_000), fail)).toBe(0);
  expect((await uploads.status(REPOSITORY, id)).size).toBe(0);
  expect(await uploads.purge(later(), fail)).toBe(1);
  expect(await uploadsInStore()).toBe(0);
  expect(uploads.status(REPOSITORY, id)).rejects.toMatchObject({ fault: "upload-unknown" });
});

it("drops what a process that ended in the middle of a push left without a session", async () => {
  const upload = await store.create();
  await upload.append(
    (async function* () {
      yield new Uint8Array(1000);
    })(),
  );
  expect(await uploads.purge(new Date(Date.now() - 60_000), fail)).toBe(0);
  expect(await uploadsInStore()).toBe(1);
  expect(await uploads.purge(later(), fail)).toBe(1);
  expect(await uploadsInStore()).toBe(0);
});
