import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { cp, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { installed, mustRun } from "../../support/command.ts";
import { findProgram } from "../../support/find-program.ts";
import { HAS_NIX, HOST_SHELL, makeRemovable } from "../../support/nix.ts";
import { pullFailure } from "../../support/pull-failure.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const CAN_RUN_IMAGES =
  process.getuid?.() === 0 && installed("skopeo", "umoci", "podman", "chroot", "apt-get");
const CRANE = findProgram("crane");
const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");
const SET = join(import.meta.dir, "nix-set");

setDefaultTimeout(600_000);

// A package set of Debian's programs, each a store path. It locks what the host's apt offers today, so no pinned
// version can disappear.
describeWith("images of a Nix package set", HAS_NIX && CAN_RUN_IMAGES, "needs root, nix, apt, skopeo", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let environment: Readonly<Record<string, string>>;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-acceptance");
    const set = join(folder.path, "set");
    await cp(SET, set, { recursive: true });
    await writeFile(
      join(set, "debs.json"),
      await mustRun(["node", join(set, "relock.mjs"), join(folder.path, "apt")]),
    );
    environment = {
      SLIPWAY_BUILDER_NIX_PATH: set,
      SLIPWAY_BUILDER_NIX_SUBSTITUTERS: "[]",
      SLIPWAY_BUILDER_NIX_SANDBOX_PATHS: JSON.stringify(HOST_SHELL),
    };
    server = await start();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  const start = (variables: Readonly<Record<string, string>> = {}) =>
    startServerProcess(join(folder.path, "data"), { ...environment, ...variables });
  const builds = () => server.output().split('"image built"').length - 1;

  async function digestOf(name: string): Promise<string> {
    const response = await fetch(`${server.url}/v2/${name}/manifests/latest`);
    expect([name, response.status]).toEqual([name, 200]);
    return response.headers.get("docker-content-digest") ?? "";
  }

  it("run their programs, from links in the usual places", async () => {
    const image = join(folder.path, "image");
    const source = `docker://${server.host}/nix/shell/git/curl/jq:latest`;
    await mustRun(["skopeo", "copy", "--src-tls-verify=false", source, `oci:${image}:latest`]);
    await mustRun(["umoci", "unpack", "--rootless", "--image", `${image}:latest`, `${image}-bundle`]);
    const inside = (...command: readonly string[]) =>
      mustRun(["chroot", `${image}-bundle/rootfs`, "/usr/bin/env", "PATH=/bin", ...command]);
    expect(await inside("curl", "--version")).toStartWith("curl ");
    expect(await inside("git", "version")).toStartWith("git version");
    expect(await inside("jq", "-n", "6 * 7")).toBe("42\n");
    expect(await inside("bash", "-c", "stat -c %a /tmp /root; echo > /tmp/x && echo written")).toBe(
      "1777\n700\nwritten\n",
    );
    expect(await inside("sh", "-c", "head -n 1 /etc/ssl/certs/ca-certificates.crt")).toContain("BEGIN");
  });

  it("are pulled by podman", async () => {
    const storage = [
      "--storage-driver",
      "vfs",
      "--root",
      `${folder.path}/s`,
      "--runroot",
      `${folder.path}/r`,
    ];
    const image = `${server.host}/nix/hello:latest`;
    await mustRun(["podman", ...storage, "pull", "--tls-verify=false", image]);
    await mustRun(["podman", ...storage, "rmi", "--all", "--force"]);
  });

  describeWith("crane", CRANE !== undefined, "not installed", () => {
    it("pulls them, and finds every digest right", async () => {
      const image = `${server.host}/nix/jq/tree:latest`;
      await mustRun([CRANE ?? "", "pull", "--insecure", "--format=oci", image, join(folder.path, "crane")]);
      await mustRun([CRANE ?? "", "validate", "--insecure", "--remote", image]);
    });
  });

  it("are an index when two platforms are asked for", async () => {
    const response = await fetch(`${server.url}/v2/nix/amd64/arm64/jq/manifests/latest`);
    expect(response.status).toBe(200);
    const { manifests } = (await response.json()) as {
      manifests: readonly { digest: string; platform: { architecture: string } }[];
    };
    expect(manifests.map(({ platform }) => platform.architecture)).toEqual(["amd64", "arm64"]);
    const both = join(folder.path, "both");
    const image = `docker://${server.host}/nix/amd64/arm64/jq:latest`;
    await mustRun([
      "skopeo",
      "copy",
      "--src-tls-verify=false",
      "--override-arch=arm64",
      image,
      `oci:${both}:latest`,
    ]);
    const unpacked = ["umoci", "unpack", "--rootless", "--image", `${both}:latest`, `${both}-bundle`];
    await mustRun(unpacked);
    const program = await Bun.file(
      join(`${both}-bundle/rootfs`, await readlink(join(`${both}-bundle/rootfs/bin/jq`))),
    ).bytes();
    // The machine of an ELF file: 183 is AArch64.
    expect(program[18]).toBe(183);
  });

  it("have one digest, whatever the order and the case of their names, and are built once", async () => {
    const digest = await digestOf("nix/jq/tree");
    const built = builds();
    expect(await digestOf("nix/tree/jq")).toBe(digest);
    expect(await digestOf("nix/jq/jq/tree")).toBe(digest);
    const digests = await Promise.all([1, 2, 3].map(() => digestOf("nix/gzip/file")));
    expect(new Set(digests).size).toBe(1);
    expect(builds()).toBe(built + 1);
  });

  it("are served without Nix once they are built, also after a restart", async () => {
    const digest = await digestOf("nix/jq/tree");
    expect(await server.end("SIGTERM")).toBe(0);
    server = await start({ PATH: "" });
    expect(server.output()).toContain("nix: not available");
    expect(await digestOf("nix/jq/tree")).toBe(digest);
    const missing = await fetch(`${server.url}/v2/nix/less/manifests/latest`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).toContain("Nix is not installed");
    await server.end("SIGTERM");
    server = await start();
  });

  it("are the same when built from nothing in another data folder", async () => {
    const digest = await digestOf("nix/jq/tree");
    const variables = { ...environment, SLIPWAY_DATA: join(folder.path, "other") };
    const printed = await mustRun([process.execPath, MAIN, "build", "nix/jq/tree", "--quiet"], variables);
    expect(printed).toBe(`nix/jq/tree:latest@${digest}\n`);
  });

  describe("of what cannot be built", () => {
    const failure = (name: string, tag?: string) => pullFailure(server.url, name, tag);

    it("name every unknown package, with what is near", async () => {
      const { status, code, message } = await failure("nix/shell/gitt/nosuchpackage");
      expect({ status, code }).toEqual({ status: 404, code: "MANIFEST_UNKNOWN" });
      expect(message).toContain("gitt, nosuchpackage");
      expect(message).toContain("did you mean git");
    });

    it("name the package that fails, and why", async () => {
      const { message } = await failure("nix/jq/testcases.fails");
      expect(message).toContain("fails");
      expect(message).toContain("exit code 3");
      expect(message).not.toContain(folder.path);
    });

    it("have only the tag latest", async () => {
      expect(await failure("nix/jq", "v1")).toMatchObject({ status: 404, code: "MANIFEST_UNKNOWN" });
    });
  });
});
