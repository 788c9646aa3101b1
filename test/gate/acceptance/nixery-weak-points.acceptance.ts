import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, mustRun } from "../../support/command.ts";
import { HAS_NIX, makeRemovable, SMALL_SET_VARIABLES } from "../../support/nix.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

setDefaultTimeout(600_000);

interface Manifest {
  readonly mediaType: string;
  readonly config: { readonly digest: string; readonly mediaType: string };
  readonly layers: readonly { readonly digest: string; readonly mediaType: string }[];
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Referrers {
  readonly manifests: readonly { readonly digest: string; readonly artifactType: string }[];
}

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform: { readonly architecture: string };
  }[];
}

const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");

// Weak or missing points of Nixery, by number. The end of this file lists the tests of other points.
describeWith("what Nixery lacks", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;

  beforeAll(async () => {
    folder = await temporaryFolder("weak-points");
    server = await start();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  const start = () => startServerProcess(join(folder.path, "data"), SMALL_SET_VARIABLES);
  const call = (path: string, options: RequestInit = {}) => fetch(`${server.url}/v2/${path}`, options);
  const builds = () => server.output().split('"image built"').length - 1;

  async function manifestOf(name: string): Promise<Manifest & { readonly digest: string | null }> {
    const response = await call(`nix/${name}/manifests/latest`);
    expect([name, response.status]).toEqual([name, 200]);
    const digest = response.headers.get("docker-content-digest");
    return { ...((await response.json()) as Manifest), digest };
  }

  /** The names and modes in all layers of an image, as tar lists them. */
  async function filesOf(name: string): Promise<string> {
    const { layers } = await manifestOf(name);
    const lists = layers.map(async ({ digest }) => {
      const file = join(folder.path, digest.replace(":", "-"));
      await writeFile(file, await (await call(`nix/${name}/blobs/${digest}`)).bytes());
      return await mustRun(["tar", "--list", "--verbose", "--numeric-owner", "--file", file]);
    });
    return (await Promise.all(lists)).join("");
  }

  it("1: builds a package that logs more than a pipe holds", async () => {
    await manifestOf("chatty");
  });

  it("2: gives an image the same digest after a restart", async () => {
    const { digest } = await manifestOf("program/apart");
    await server.end("SIGTERM");
    server = await start();
    expect((await manifestOf("apart/program")).digest).toBe(digest);
    expect((await manifestOf("apart/program/library")).digest).not.toBe(digest);
  });

  it("3: gives each platform its own image", async () => {
    const architectureOf = async (name: string) => {
      const { config } = await manifestOf(name);
      const response = await call(`nix/${name}/blobs/${config.digest}`);
      return ((await response.json()) as { architecture: string }).architecture;
    };
    expect(await architectureOf("amd64/portable")).toBe("amd64");
    expect(await architectureOf("arm64/portable")).toBe("arm64");
    expect(await architectureOf("amd64/portable")).toBe("amd64");
  });

  it("4: answers 404 for a blob or manifest that does not exist", async () => {
    const digest = `sha256:${"0".repeat(64)}`;
    await manifestOf("apart");
    for (const kind of ["blobs", "manifests"])
      expect((await call(`nix/apart/${kind}/${digest}`)).status).toBe(404);
  });

  it("6: says digest and length, also to HEAD, and looks at the method", async () => {
    const { digest } = await manifestOf("apart");
    const head = await call("nix/apart/manifests/latest", { method: "HEAD" });
    expect(head.headers.get("docker-content-digest")).toBe(digest);
    expect(Number(head.headers.get("content-length"))).toBeGreaterThan(0);
    expect((await call("nix/apart/manifests/latest", { method: "POST" })).status).toBe(405);
  });

  it("7: answers requests that mirrors send with a query", async () => {
    expect((await call("nix/apart/manifests/latest?ns=docker.io")).status).toBe(200);
  });

  it("8: lists tags, repositories and referrers of what it built", async () => {
    const { digest } = await manifestOf("apart");
    expect(await (await call("nix/apart/tags/list")).json()).toEqual({ name: "nix/apart", tags: ["latest"] });
    expect(JSON.stringify(await (await call("_catalog")).json())).toContain('"nix/apart"');
    const { manifests } = (await (await call(`nix/apart/referrers/${digest}`)).json()) as Referrers;
    expect(manifests.map(({ artifactType }) => artifactType).toSorted()).toEqual([
      "application/spdx+json",
      "application/vnd.slipway.lock.v1+json",
    ]);
  });

  it("19: has a list of its software, with versions and licences", async () => {
    const { digest } = await manifestOf("licensed");
    const referrers = await call(`nix/licensed/referrers/${digest}?artifactType=application/spdx%2Bjson`);
    const [artifact] = ((await referrers.json()) as Referrers).manifests;
    const manifest = await call(`nix/licensed/manifests/${artifact?.digest}`);
    const [layer] = ((await manifest.json()) as Manifest).layers;
    const sbom = (await (await call(`nix/licensed/blobs/${layer?.digest}`)).json()) as {
      packages: readonly { name: string; versionInfo: string; licenseDeclared: string }[];
    };
    expect(sbom.packages.find(({ name }) => name === "licensed")).toMatchObject({
      versionInfo: "1.0",
      licenseDeclared: "MIT AND Zlib",
    });
  });

  it("9: builds an image once, however many ask for it at once", async () => {
    const built = builds();
    const images = await Promise.all(Array.from({ length: 8 }, () => manifestOf("described/library")));
    expect(new Set(images.map(({ digest }) => digest)).size).toBe(1);
    expect(builds()).toBe(built + 1);
  });

  it("11, 12: has entries for directories, empty ones too, and a /tmp that everybody may use", async () => {
    const files = await filesOf("program");
    expect(files).toMatch(/^dr-xr-xr-x .* nix\/store\/[^/]+-library-2\.1\/empty\/$/m);
    expect(files).toMatch(/^drwxrwxrwt .* tmp\/$/m);
    expect(files).toContain(" etc/passwd");
    expect(files).not.toMatch(/:\d\d \/nix/);
    const { config } = await manifestOf("program");
    expect(await (await call(`nix/program/blobs/${config.digest}`)).text()).toContain('"PATH=');
  });

  it("13: says as JSON what failed and why, and shows no path of the host", async () => {
    const response = await call("nix/apart/fails/manifests/latest");
    expect(response.headers.get("content-type")).toStartWith("application/json");
    const text = await response.text();
    expect(text).toContain("fails-1");
    expect(text).toContain("exit code 3");
    expect(text).not.toContain(folder.path);
  });

  it("15: keeps no root once an image is made", async () => {
    await manifestOf("split");
    expect(await readdir(join(folder.path, "data/nix/store/nix/var/nix/gcroots/slipway"))).toEqual([]);
  });

  it("18: speaks the OCI's own types", async () => {
    const { mediaType, config, layers } = await manifestOf("apart");
    expect(mediaType).toBe("application/vnd.oci.image.manifest.v1+json");
    expect(config.mediaType).toBe("application/vnd.oci.image.config.v1+json");
    for (const layer of layers) expect(layer.mediaType).toBe("application/vnd.oci.image.layer.v1.tar+gzip");
  });

  it("18: makes an index for several platforms", async () => {
    const indexOf = async (name: string) => {
      const response = await call(`nix/${name}/manifests/latest`);
      expect(response.status).toBe(200);
      const digest = response.headers.get("docker-content-digest");
      return { ...((await response.json()) as Index), digest };
    };
    const { mediaType, manifests, digest } = await indexOf("arm64/amd64/portable");
    expect(mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    expect(manifests[0]?.digest).toBe((await manifestOf("amd64/portable")).digest ?? "");
    expect(manifests[1]?.digest).toBe((await manifestOf("arm64/portable")).digest ?? "");
    const other = await indexOf("amd64/arm64/portable");
    expect(other.digest).toBe(digest);
    const folderOfBoth = join(folder.path, "both");
    const image = `${server.host}/nix/amd64/arm64/portable:latest`;
    if (installed("skopeo")) {
      const copy = ["skopeo", "copy", "--all", "--src-tls-verify=false", `docker://${image}`];
      await mustRun([...copy, `oci:${folderOfBoth}:latest`]);
      expect(await readdir(join(folderOfBoth, "blobs/sha256"))).not.toBeEmpty();
    }
    const command = [process.execPath, MAIN, "build", "nix/amd64/arm64/portable", "--quiet", "-o"];
    const environment = { ...SMALL_SET_VARIABLES, SLIPWAY_DATA: join(folder.path, "other-data") };
    const layout = join(folder.path, "layout");
    const printed = await mustRun([...command, `oci:${layout}`], environment);
    expect(printed).toBe(`nix/amd64/arm64/portable:latest@${digest}\n`);
    for (const one of manifests)
      expect(await readdir(join(layout, "blobs/sha256"))).toContain(one.digest.replace("sha256:", ""));
  });

  it("22: reaches nested camel case, plus signs, digits and dots", async () => {
    for (const name of ["nested.camelcase.innerpkg", "plus_plus", "0digit", "dotted2.5"])
      await manifestOf(name);
  });

  it("25: builds an image of a package that is one file", async () => {
    expect(await filesOf("onefile")).toMatch(/ bin\/oneFile -> \/nix\/store\/[^/]+-one-file$/m);
  });
});

/*
 * Elsewhere: 5, 23 src/builder/plan/nixery-plan.test.ts, size-plan.test.ts (a total order; size decides); 10
 * src/builder/nix/nix-source.test.ts, src/builder/build-queue.test.ts (cancelling, limits, the queue); 15
 * src/builder/nix/store/store-lifetime.test.ts (collections); 16 the same (nothing evaluated while nothing changed); 17
 * src/builder/image-lock.test.ts; 20 src/content/s3-driver.test.ts; 21
 * src/builder/plan/chosen-plan.test.ts, popularity.test.ts. Access control (14) and metrics (24) are not there yet.
 */
