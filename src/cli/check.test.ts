import { expect, it } from "bun:test";
import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/support/command.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { blobKey, uploadKey } from "../content/blob-paths.ts";
import { BlobStore } from "../content/blob-store.ts";
import { FilesystemDriver } from "../content/filesystem-driver.ts";
import { openMetadataStore } from "../metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../metadata/sqlite-engine.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";

const PROGRAM = join(import.meta.dir, "main.ts");
const LONG_AGO = new Date(Date.now() - 7_200_000);

function check(data: string, ...parameters: readonly string[]) {
  const environment = { SLIPWAY_DATA: data, SLIPWAY_BUILDER_ENABLED: "false" };
  return run([process.execPath, PROGRAM, "check", ...parameters], environment);
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
}

/** A linked blob; a blob and an upload that a killed process left; and a blob that may belong to a running request. */
async function leave(data: string): Promise<void> {
  await using metadata = await openMetadataStore(await openSqliteEngine(join(data, "metadata.sqlite")));
  await using driver = await FilesystemDriver.open({ root: join(data, "content") });
  const store = new BlobStore(driver);
  const put = async (text: string) => {
    const upload = await store.create();
    await upload.append(once(text));
    return upload.commitUnclaimed();
  };
  const linked = await put("linked");
  await metadata.links.linkBlob(parseRepositoryName("team/app"), linked, [linked.digest]);
  const lost = await put("lost");
  const upload = await store.create();
  await upload.append(once("left"));
  for (const key of [blobKey(linked.digest), blobKey(lost.digest), uploadKey(upload.id)])
    await utimes(join(data, "content", key), LONG_AGO, LONG_AGO);
  await put("recent");
}

it("counts what killed processes left, and changes nothing", async () => {
  await using folder = await temporaryFolder("check");
  await leave(folder.path);
  const before = (await readdir(folder.path, { recursive: true })).toSorted();
  expect(await check(folder.path)).toEqual({
    exitCode: 0,
    stdout: [
      "blobs without a record     1, 0.0 MiB",
      "uploads without a session  1, 0.0 MiB",
      "expired sessions           0",
      "",
    ].join("\n"),
    stderr: "",
  });
  const { stdout } = await check(folder.path, "--json");
  expect(JSON.parse(stdout)).toEqual({
    blobs: { count: 1, bytes: 4 },
    uploads: { count: 1, bytes: 4 },
    expiredSessions: 0,
    isComplete: true,
  });
  const isLock = (name: string) => name.startsWith("metadata.sqlite-");
  const after = (await readdir(folder.path, { recursive: true })).toSorted();
  expect(after.filter((name) => !isLock(name))).toEqual(before.filter((name) => !isLock(name)));
});

it("makes no registry where there is none", async () => {
  await using folder = await temporaryFolder("check");
  const { exitCode, stdout, stderr } = await check(join(folder.path, "data"));
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toStartWith("there is no registry here: no file ");
  expect(await readdir(folder.path)).toEqual([]);
});
