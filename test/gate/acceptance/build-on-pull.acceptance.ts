import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { sampleBytes } from "../../contracts/content-driver-samples.ts";
import { installed, mustRun, run } from "../../support/command.ts";
import { createDebianRepository, type TestPackage } from "../../support/debian-repository.ts";
import { pullFailure } from "../../support/pull-failure.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

interface Layer {
  readonly digest: string;
  readonly size: number;
}

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const CAN_RUN_IMAGES = process.getuid?.() === 0 && installed("skopeo", "umoci", "chroot");

setDefaultTimeout(600_000);

async function manifestOf(
  server: ServerProcess,
  name: string,
): Promise<{ digest: string; layers: readonly Layer[] }> {
  const response = await fetch(`${server.url}/v2/${name}/manifests/latest`);
  expect(response.status).toBe(200);
  const { layers } = (await response.json()) as { layers: readonly Layer[] };
  return { digest: response.headers.get("docker-content-digest") ?? "", layers };
}

// Only these tests need the host's mirrors.
describeWith("images of the host's own packages", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;

  beforeAll(async () => {
    folder = await temporaryFolder("acceptance");
    server = await startServerProcess(join(folder.path, "data"));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  describeWith("unpacked and run", CAN_RUN_IMAGES, "needs root, skopeo, umoci, chroot", () => {
    /** Pulls and unpacks an image; the result runs a program in it. */
    const unpack = async (name: string) => {
      const image = join(folder.path, name.replaceAll("/", "-"));
      const source = `docker://${server.host}/${name}:latest`;
      await mustRun(["skopeo", "copy", "--src-tls-verify=false", source, `oci:${image}:latest`]);
      await mustRun(["umoci", "unpack", "--rootless", "--image", `${image}:latest`, `${image}-bundle`]);
      return (...command: readonly string[]) => mustRun(["chroot", `${image}-bundle/rootfs`, ...command]);
    };

    it("work, and are what dpkg and ldconfig would have made", async () => {
      const inside = await unpack("apt/curl/git");
      expect(await inside("curl", "--version")).toContain("libcurl");
      expect(await inside("git", "--version")).toStartWith("git version");
      expect(await inside("bash", "-c", "awk 'BEGIN { print 6 * 7 }'; id -un nobody; stat -c %a /tmp")).toBe(
        "42\nnobody\n1777\n",
      );
      expect(await inside("dpkg", "--status", "curl")).toContain("Status: install ok installed");
      expect(await inside("dpkg", "--audit")).toBe("");
      expect(await inside("dpkg", "--verify")).toBe("");
      expect(await inside("update-alternatives", "--query", "awk")).toContain("Value: /usr/bin/mawk");
      const libraries = async () =>
        (await inside("ldconfig", "-p")).split("\n").filter((line) => line.includes("=>"));
      const ours = await libraries();
      await inside("ldconfig");
      expect(ours).not.toBeEmpty();
      expect(ours).toEqual(await libraries());
      // OpenSSL finds certificates by their hash.
      expect(await inside("openssl", "version")).toStartWith("OpenSSL");
    });

    it("trust the usual authorities, in a program that has none of its own", async () => {
      const inside = await unpack("apt/python3");
      const script = "import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 50)";
      expect(await inside("python3", "-c", script)).toBe("True\n");
    });

    it("hold a program whose name has plus signs", async () => {
      const inside = await unpack("apt/g_plus_plus");
      expect(await inside("g++", "--version")).toStartWith("g++");
      expect(await inside("c++", "--version")).toStartWith("c++");
    });
  });

  describeWith("pulled", installed("podman", "buildah"), "needs podman and buildah", () => {
    it("are what both clients requested", async () => {
      const storage = (driver: string) => [
        ...["--storage-driver", driver],
        ...["--root", `${folder.path}/${driver}`, "--runroot", `${folder.path}/${driver}-run`],
      ];
      // vfs works everywhere, but copies all lower layers for each layer.
      const slow = storage("vfs");
      const fast = storage("overlay");
      const { exitCode } = await run(["podman", ...fast, "info"]);
      const image = `${server.host}/apt/curl/git:latest`;
      for (const client of ["podman", "buildah"]) {
        const command = [client, ...(exitCode === 0 ? fast : slow)];
        await mustRun([...command, "pull", "--tls-verify=false", image]);
        await mustRun([...command, "rmi", "--all", "--force"]);
      }
    });
  });
});

/** One package has most of the bytes. The others share layers. */
const PACKAGES: readonly TestPackage[] = [
  { name: "shell", hasFile: true, fields: { Essential: "yes" } },
  { name: "libtransfer", hasFile: true, files: { "usr/lib/libtransfer/data": sampleBytes(700_000) } },
  { name: "curl", hasFile: true, fields: { Depends: "libtransfer" } },
  { name: "git", hasFile: true, fields: { Depends: "libtransfer" } },
  { name: "jq", hasFile: true },
  { name: "file", hasFile: true },
  ...["one-mailer", "another-mailer"].map((name) => ({
    name,
    fields: { Provides: "mailer", Conflicts: "mailer" },
  })),
];

describeWith("building what is pulled, with apt", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let variables: Readonly<Record<string, string>>;
  let server: ServerProcess;

  beforeAll(async () => {
    folder = await temporaryFolder("acceptance-local");
    const repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
    variables = {
      SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
      SLIPWAY_BUILDER_APT_INCLUDE: "[]",
    };
    server = await startServerProcess(join(folder.path, "data"), variables);
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const builds = () => server.output().split('"image built"').length - 1;

  it("does not build again what is pulled again, also after a restart", async () => {
    const before = await manifestOf(server, "apt/curl/git");
    expect(builds()).toBe(1);
    expect((await manifestOf(server, "apt/curl/git")).digest).toBe(before.digest);
    expect(builds()).toBe(1);
    expect(await server.end("SIGTERM")).toBe(0);
    // Without a search path, the server finds no package manager.
    server = await startServerProcess(join(folder.path, "data"), { ...variables, PATH: "" });
    expect(server.output()).toContain("apt: not available");
    expect((await manifestOf(server, "apt/curl/git")).digest).toBe(before.digest);
    await server.end("SIGTERM");
    server = await startServerProcess(join(folder.path, "data"), variables);
  });

  it("gives the same manifest whatever the order of the packages", async () => {
    const { digest } = await manifestOf(server, "apt/curl/git");
    const before = builds();
    expect((await manifestOf(server, "apt/git/curl")).digest).toBe(digest);
    expect(builds()).toBe(before);
  });

  it("shares at least nine tenths of what two images have in common", async () => {
    const small = await manifestOf(server, "apt/curl/git");
    const large = await manifestOf(server, "apt/curl/git/jq");
    const known = new Set(small.layers.map(({ digest }) => digest));
    const bytes = (layers: readonly Layer[]) => layers.reduce((sum, { size }) => sum + size, 0);
    const shared = bytes(large.layers.filter(({ digest }) => known.has(digest)));
    expect(shared / bytes(small.layers)).toBeGreaterThan(0.9);
  });

  it("builds an image once when two clients pull it at the same time", async () => {
    const before = builds();
    const digests = await Promise.all(
      ["apt/file", "apt/file"].map(async (name) => (await manifestOf(server, name)).digest),
    );
    expect(new Set(digests).size).toBe(1);
    expect(builds()).toBe(before + 1);
  });

  it("builds the same image in another, empty data folder", async () => {
    const { digest } = await manifestOf(server, "apt/curl/git");
    const main = join(import.meta.dir, "../../../src/cli/main.ts");
    const build = (...parameters: readonly string[]) => [process.execPath, main, "build", ...parameters];
    const environment = { ...variables, SLIPWAY_DATA: join(folder.path, "other") };
    const printed = await mustRun(build("apt/curl/git", "--quiet"), environment);
    expect(printed).toBe(`apt/curl/git:latest@${digest}\n`);
    const unknown = await run(build("apt/nosuchpackage", "-q"), environment);
    expect(unknown.exitCode).toBe(3);
    expect(unknown.stderr).toContain("nosuchpackage");
  });

  describe("of what cannot be built", () => {
    const failure = (name: string, tag?: string) => pullFailure(server.url, name, tag);

    it("names an unknown package", async () => {
      const { status, code, message } = await failure("apt/nosuchpackage/curl");
      expect({ status, code }).toEqual({ status: 404, code: "MANIFEST_UNKNOWN" });
      expect(message).toContain("nosuchpackage");
      expect(message).not.toContain("curl");
    });

    it("gives apt's own reason for a conflict", async () => {
      const { status, code, detail } = await failure("apt/one-mailer/another-mailer");
      expect({ status, code }).toEqual({ status: 404, code: "MANIFEST_UNKNOWN" });
      expect(JSON.stringify(detail)).toContain("Conflicts: mailer");
    });

    it("says that only the tag latest is built", async () => {
      expect(await failure("apt/curl", "v1")).toMatchObject({ status: 404, code: "MANIFEST_UNKNOWN" });
    });
  });
});
