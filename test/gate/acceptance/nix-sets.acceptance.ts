import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun, run } from "../../support/command.ts";
import { freePort } from "../../support/free-port.ts";
import { HAS_NIX, makeRemovable, SMALL_SET, SMALL_SET_VARIABLES } from "../../support/nix.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

setDefaultTimeout(600_000);

/** The variables of a server for the small set, without the path of the set. */
const { SLIPWAY_BUILDER_NIX_PATH: _, ...SMALL } = SMALL_SET_VARIABLES;

interface Answer {
  readonly status: number;
  readonly digest: string | null;
  readonly body: string;
}

async function get({ url }: ServerProcess, name: string, tag = "latest"): Promise<Answer> {
  const response = await fetch(`${url}/v2/${name}/manifests/${tag}`, { headers: { accept: MANIFEST } });
  return {
    status: response.status,
    digest: response.headers.get("docker-content-digest"),
    body: await response.text(),
  };
}

describeWith("Nix package sets", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-sets");
  });
  afterAll(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  const start = (data: string, variables: Readonly<Record<string, string>>) =>
    startServerProcess(join(folder.path, data), { ...SMALL, ...variables });

  describe("with Nixery's variables alone", () => {
    it("answer Nixery's names, beside what is pushed and what apt builds", async () => {
      const port = String(await freePort());
      await using server = await startServerProcess(undefined, {
        ...SMALL,
        PORT: port,
        NIXERY_PKGS_PATH: SMALL_SET,
        NIXERY_STORAGE_BACKEND: "filesystem",
        STORAGE_PATH: join(folder.path, "nixery"),
        NIX_TIMEOUT: "600",
      });
      expect(server.host).toEndWith(`:${port}`);
      expect(server.output()).toContain("NIXERY_PKGS_PATH: sets builder.nix.path");
      const rooted = await get(server, "program/apart");
      expect(rooted.status).toBe(200);
      expect((await get(server, "apart/program")).digest).toBe(String(rooted.digest));
      expect((await get(server, "nix/apart/program")).digest).toBe(String(rooted.digest));
      const unknown = await get(server, "apart/nosuch/nowhere");
      expect(unknown.status).toBe(404);
      expect(unknown.body).toContain("nosuch, nowhere");
      const pushed = await fetch(`${server.url}/v2/team/app/manifests/latest`, {
        method: "PUT",
        headers: { "content-type": "application/vnd.oci.image.index.v1+json" },
        body: JSON.stringify({ schemaVersion: 2, manifests: [] }),
      });
      expect(pushed.status).toBe(201);
      expect((await get(server, "team/app")).digest).toBe(pushed.headers.get("docker-content-digest"));
      const apt = await get(server, "apt/no-such-package-at-all");
      expect(apt.body).toContain("no-such-package-at-all");
    });

    it("stop the start where they ask for what there is not", async () => {
      const variables = { NIXERY_PKGS_PATH: SMALL_SET, NIXERY_STORAGE_BACKEND: "gcs", GCS_BUCKET: "b" };
      const started = await run([process.execPath, MAIN, "serve"], { ...SMALL, ...variables });
      expect(started.exitCode).not.toBe(0);
      expect(started.stderr).toContain("NIXERY_STORAGE_BACKEND: gcs is not supported");
    });
  });

  it("are served side by side, each by its own name and with its own packages", async () => {
    const other = join(folder.path, "other-set");
    await cp(SMALL_SET, other, { recursive: true });
    const sets = {
      "nix-other": { path: other, include: [], arguments: { greeting: "good evening" } },
    };
    await using server = await start("side-by-side", {
      SLIPWAY_BUILDER_NIX_PATH: SMALL_SET,
      SLIPWAY_BUILDER_NIX_SETS: JSON.stringify(sets),
    });
    const own = await get(server, "nix/apart");
    const others = await get(server, "nix-other/apart");
    expect([own.status, others.status]).toEqual([200, 200]);
    expect(JSON.parse(own.body).layers).toHaveLength(3);
    expect(JSON.parse(others.body).layers).toHaveLength(2);
    expect((await get(server, "apart")).status).toBe(404);
  });

  it("are what their git repository has: a branch, a tag, a commit", async () => {
    const repository = join(folder.path, "repository");
    await cp(SMALL_SET, repository, { recursive: true });
    const git = (...command: readonly string[]) =>
      mustRun(["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b", ...command]);
    await git("init", "--quiet", "--initial-branch=trunk");
    await git("add", "--all");
    await git("commit", "--quiet", "--message=one");
    await git("tag", "v1");
    const first = (await git("rev-parse", "HEAD")).trim();
    await writeFile(
      join(repository, "default.nix"),
      'args: import ./set.nix (args // { greeting = "moved"; })\n',
    );
    await cp(join(SMALL_SET, "default.nix"), join(repository, "set.nix"));
    await git("add", "--all");
    await git("commit", "--quiet", "--message=two");
    await using server = await start("git", { SLIPWAY_BUILDER_NIX_GIT_URL: repository });
    const newest = await get(server, "nix/apart");
    const tagged = await get(server, "nix/apart", "v1");
    expect([newest.status, tagged.status]).toEqual([200, 200]);
    expect(tagged.digest).not.toBe(newest.digest);
    expect((await get(server, "nix/apart", first)).digest).toBe(tagged.digest);
    expect((await get(server, "nix/apart", "trunk")).digest).toBe(newest.digest);
    expect((await get(server, "nix/apart", "nosuch")).status).toBe(404);
    expect((await get(server, "nix/apart", "0".repeat(40))).status).toBe(404);
  });

  it("say what is wrong with them when the server starts", async () => {
    const variables = {
      SLIPWAY_BUILDER_NIX_PATH: SMALL_SET,
      SLIPWAY_BUILDER_NIX_CHANNEL: "nixos-24.05",
      SLIPWAY_BUILDER_NIX_SETS: '{"apt": {"path": "/x"}}',
    };
    const started = await run([process.execPath, MAIN, "serve"], { ...SMALL, ...variables });
    expect(started.exitCode).not.toBe(0);
    expect(started.stderr).toContain("builder.nix: set only one of path, git.url and channel");
    expect(started.stderr).toContain("builder.nix.sets.apt: is reserved for another source");
  });
});
