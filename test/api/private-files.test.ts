import { expect, it } from "bun:test";
import { lstat, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { RegistryClient } from "../support/registry-client.ts";
import { startRegistry } from "../support/registry-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

it("keeps files and folders from other users", async () => {
  await using folder = await temporaryFolder("private");
  const data = join(folder.path, "made/data");
  await using server = await startRegistry({ data });
  const client = new RegistryClient(server);
  await client.pushImage("team/app", "1");
  await client.call("PATCH", await client.start("team/app"), { body: "an open upload" });
  const entries = (await readdir(folder.path, { recursive: true })).map((name) => join(folder.path, name));
  expect(entries.length).toBeGreaterThan(10);
  const open = [];
  for (const path of entries) {
    const { mode } = await lstat(path);
    if ((mode & 0o077) !== 0) open.push(`${path} ${mode.toString(8)}`);
  }
  expect(open).toEqual([]);
});

it("starts on a database that is a symbolic link, and again", async () => {
  await using folder = await temporaryFolder("linked");
  const data = join(folder.path, "data");
  await mkdir(data);
  await symlink(join(folder.path, "elsewhere.sqlite"), join(data, "metadata.sqlite"));
  await using server = await startRegistry({ data });
  const client = new RegistryClient(server);
  const pushed = await client.pushImage("team/app", "1");
  await server.restart();
  const found = await new RegistryClient(server).call("GET", "/v2/team/app/manifests/1");
  expect(found.headers.get("docker-content-digest")).toBe(pushed.digest);
  expect(await readdir(folder.path)).toContain("elsewhere.sqlite-locks");
});
