import { afterAll, afterEach, beforeAll, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { randomUUID } from "node:crypto";
import { chmod, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../../support/command.ts";
import { eventually } from "../../support/eventually.ts";
import { buildersWith, HAS_NIX, makeRemovable, SMALL_SET_VARIABLES } from "../../support/nix.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

setDefaultTimeout(600_000);

interface Image {
  readonly digest: string;
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

describeWith("a server with a Nix store", HAS_NIX, "nix is not installed", () => {
  const marker = randomUUID();
  let folder: TemporaryFolder;
  let data: string;
  let server: ServerProcess;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-store-server");
  });
  beforeEach(async () => {
    data = join(folder.path, randomUUID());
    server = await startServerProcess(data, {
      ...SMALL_SET_VARIABLES,
      SLIPWAY_BUILDER_NIX_ARGUMENTS: JSON.stringify({ greeting: marker }),
      SLIPWAY_HTTP_DRAIN_TIMEOUT_SECONDS: "1",
    });
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await makeRemovable(data);
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  async function pull(name: string): Promise<Image> {
    const response = await fetch(`${server.url}/v2/nix/${name}/manifests/latest`);
    expect([name, response.status]).toEqual([name, 200]);
    const digest = response.headers.get("docker-content-digest") ?? "";
    return { ...((await response.json()) as Omit<Image, "digest">), digest };
  }

  /** Removes the layer file of a package, and collects the Nix store. */
  async function loseLayer(
    name: string,
    image: Image,
    packageName: string,
    collect: boolean,
  ): Promise<string> {
    const config = await fetch(`${server.url}/v2/nix/${name}/blobs/${image.config.digest}`);
    const { history } = (await config.json()) as { history: readonly { created_by: string }[] };
    const at = history.findIndex(({ created_by }) => created_by.includes(packageName));
    const digest = image.layers[at]?.digest ?? "";
    const hex = digest.replace("sha256:", "");
    await rm(join(data, "content/docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data"));
    const environment = { NIX_CONFIG: `store = ${join(data, "nix/store")}`, NIX_CONF_DIR: folder.path };
    if (collect) await mustRun(["nix-store", "--gc"], environment);
    return digest;
  }

  it("never serves a package that was changed on disk: it is made again, to the same layer", async () => {
    const image = await pull("program");
    const lost = await loseLayer("program", image, "library-2.1", false);
    const store = join(data, "nix/store/nix/store");
    const path = (await readdir(store)).find((name) => name.endsWith("-library-2.1")) ?? "";
    const file = join(store, path, "lib/library.so");
    await chmod(file, 0o644);
    await writeFile(file, "Code\n");
    const other = await pull("program/apart");
    expect(other.layers.map(({ digest }) => digest)).toContain(lost);
    expect(server.output()).toContain("is damaged; making it again");
    const layer = await fetch(`${server.url}/v2/nix/program/apart/blobs/${lost}`);
    expect(new Bun.CryptoHasher("sha256").update(await layer.bytes()).digest("hex")).toBe(lost.slice(7));
  });

  it("says so when a package that builds to other bytes each time has lost those that were published", async () => {
    const image = await pull("unsteady");
    const published = image.layers.map(({ digest }) => digest);
    const lost = await loseLayer("unsteady", image, "unsteady-1", true);
    const other = await pull("unsteady/apart");
    const layers = other.layers.map(({ digest }) => digest);
    expect(layers).not.toContain(lost);
    expect(layers.filter((digest) => published.includes(digest))).not.toBeEmpty();
    expect(server.output()).toContain("built to different bytes; the first ones are lost");
  });

  it("leaves no builder and no command of Nix behind when it is stopped", async () => {
    const pulling = fetch(`${server.url}/v2/nix/stays/manifests/latest`).catch(() => undefined);
    await eventually(async () => (await buildersWith(marker)).length > 0);
    await server.end("SIGTERM");
    await pulling;
    await eventually(async () => (await buildersWith(marker)).length === 0);
  });

  it("goes on after it was killed in the middle of a build", async () => {
    const pulling = fetch(`${server.url}/v2/nix/stays/manifests/latest`).catch(() => undefined);
    await eventually(async () => (await buildersWith(marker)).length > 0);
    await server.end("SIGKILL");
    await pulling;
    // They end with the server.
    await eventually(async () => (await buildersWith(marker)).length === 0);
    server = await startServerProcess(data, SMALL_SET_VARIABLES);
    await pull("apart");
    expect(await readdir(join(data, "nix/store/nix/var/nix/gcroots/slipway"))).toEqual([]);
  });
});
