import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { HOST_PLATFORM } from "../../../src/builder/host-platform.ts";
import { runInTree } from "../../reference/run-in-tree.ts";
import { installed, mustRun } from "../../support/command.ts";
import { createDebianRepository } from "../../support/debian-repository.ts";
import { ELSEWHERE, onOtherHost } from "../../support/elsewhere.ts";
import { writeSourcesWithHost } from "../../support/host-sources.ts";
import { pullFailure } from "../../support/pull-failure.ts";
import { CAN_BE_NOBODY, NOBODY_NEEDS, ReadableCheckout } from "../../support/readable-checkout.ts";
import { describeWith } from "../../support/requirements.ts";
import { sandboxProblem } from "../../support/sandbox-tree.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const CAN_RUN = process.getuid?.() === 0 && installed("skopeo", "umoci", "chroot", "unshare", "ip");
const PROBLEM = await sandboxProblem();
const VARIABLES = { SLIPWAY_BUILDER_SEARCH: "false", SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox" };
/** Programs with work for dpkg: modules, byte code, an index with an owner of its own, accounts and keys. */
const SETS = ["apache2", "man-db", "python3"];
/** An image with keys to make, and with apt. */
const SERVER_WITH_APT = "apt/apt/openssh-server/sudo";

setDefaultTimeout(900_000);

async function digestOf(server: ServerProcess, name: string): Promise<string> {
  const response = await fetch(`${server.url}/v2/${name}/manifests/latest`);
  if (response.status !== 200) throw new Error(`${name}: ${await response.text()}\n${server.output()}`);
  return response.headers.get("docker-content-digest") ?? "";
}

describeWith("images that dpkg configured", HAS_APT && PROBLEM === undefined, PROBLEM ?? "no apt", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let digests: readonly string[];

  beforeAll(async () => {
    folder = await temporaryFolder("configured");
    server = await startServerProcess(join(folder.path, "data"), VARIABLES);
    digests = await Promise.all(SETS.map((name) => digestOf(server, `apt/${name}`)));
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await mustRun(["rm", "-rf", join(folder.path, "data")]);
    await folder[Symbol.asyncDispose]();
  });

  it("say in their lock that they are configured", async () => {
    const [digest] = digests;
    const lock = await fetch(`${server.url}/v2/apt/apache2/referrers/${digest}`);
    const { manifests } = (await lock.json()) as { manifests: readonly { artifactType: string }[] };
    expect(manifests.map(({ artifactType }) => artifactType)).toContain(
      "application/vnd.slipway.lock.v1+json",
    );
  });

  describeWith("unpacked and run", CAN_RUN, "needs root, skopeo, umoci, chroot, unshare and ip", () => {
    const treeOf = (name: string) => join(folder.path, `${name.replaceAll("/", "-")}-bundle/rootfs`);
    const unpacked = new Map<string, Promise<void>>();
    const unpackOnce = async (name: string) => {
      const image = join(folder.path, name.replaceAll("/", "-"));
      const source = `docker://${server.host}/${name}:latest`;
      await mustRun(["skopeo", "copy", "--src-tls-verify=false", source, `oci:${image}:latest`]);
      await mustRun(["umoci", "unpack", "--image", `${image}:latest`, `${image}-bundle`]);
    };
    /** Unpacks an image; the result runs a script in it, without a network but the loopback unless it asks for one. */
    const unpack = async (name: string) => {
      const unpacking = unpacked.get(name) ?? unpackOnce(name);
      unpacked.set(name, unpacking);
      await unpacking;
      return async (script: string, network = false) => {
        const { exitCode, stdout, stderr } = await runInTree({ tree: treeOf(name), script, network });
        if (exitCode !== 0) throw new Error(`the script ended with ${exitCode}:\n${stderr || stdout}`);
        return stdout;
      };
    };

    it("work like those that dpkg installed", async () => {
      const inside = await unpack("apt/apache2");
      expect(await inside("dpkg --audit; dpkg --list | grep '^[a-z][a-z]' | cut -c1-2 | sort -u")).toBe(
        "ii\n",
      );
      const request = `apache2ctl start 2>/dev/null; perl -MIO::Socket -e '
          for (1 .. 300) { last if $s = IO::Socket::INET->new("127.0.0.1:80"); select undef, undef, undef, 0.1 }
          print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print <$s>'`;
      expect(await inside(request)).toContain("It works");
      expect(await inside("apache2ctl -M 2>/dev/null | grep -c _module")).not.toBe("0\n");
      const index = await unpack("apt/man-db");
      expect(await index("man -w man; stat -c %U /var/cache/man/index.db")).toBe(
        "/usr/share/man/man1/man.1.gz\nman\n",
      );
      const code = await unpack("apt/python3");
      expect(await code("find / -xdev -name '*.pyc' -path '/usr/*' | head -1")).toContain(".pyc");
    });

    it("with apt in them install more packages, from the sources of their own", async () => {
      const inside = await unpack(SERVER_WITH_APT);
      // The server has the lists of these very sources, so that only their signatures are checked again.
      const lists = join(folder.path, "data/apt", HOST_PLATFORM.architecture, "lists");
      await mustRun(["cp", "-r", `${lists}/.`, join(treeOf(SERVER_WITH_APT), "var/lib/apt/lists")]);
      // How this machine reaches its mirrors, and what it forgives them.
      const dump = await mustRun(["apt-config", "dump"]);
      const settings = dump.split("\n").filter((line) => /^Acquire::(?!IndexTargets)/.test(line));
      const script = `cat >/etc/apt/apt.conf.d/zz-host <<'END'\n${settings.join("\n")}\nEND
        { apt-get update && apt-get install --yes --no-install-recommends jq; } 2>&1 || exit
        jq --version; id -un`;
      expect(await inside(script, true)).toMatch(/\njq-[0-9.]+\nroot\n$/);
    });

    it("hold no keys, and make them at their first start", async () => {
      const inside = await unpack(SERVER_WITH_APT);
      expect(await inside("ls /etc/ssh | grep -c ssh_host_ || true")).toBe("0\n");
      const script =
        "slipway-first-start >/dev/null 2>&1; mkdir -p /run/sshd; /usr/sbin/sshd -t; echo $?; " +
        "su nobody -s /bin/sh -c 'id -u'; sudo -n id -u";
      expect(await inside(script)).toBe("0\n65534\n0\n");
    });
  });

  it("are the same from another folder, whatever the server's surroundings", async () => {
    const surroundings = { ...VARIABLES, ...ELSEWHERE, SLIPWAY_BUILDER_APT_TREE_CACHE_BYTES: "0" };
    const main = join(import.meta.dir, "../../../src/cli/main.ts");
    await using other = await startServerProcess(
      join(folder.path, "data/other"),
      surroundings,
      [],
      onOtherHost([process.execPath, main]),
    );
    for (const [index, name] of [...SETS.entries()].toReversed())
      expect(await digestOf(other, `apt/${name}`)).toBe(digests[index] as string);
  });

  describeWith("by a server that an ordinary user runs", CAN_BE_NOBODY, NOBODY_NEEDS, () => {
    it("are the same", async () => {
      await using place = await temporaryFolder("configured-user");
      const checkout = await ReadableCheckout.create(place.path);
      const data = checkout.folder("data");
      {
        await using user = await startServerProcess(
          data,
          VARIABLES,
          [],
          checkout.command(["src/cli/main.ts"]),
        );
        for (const [index, name] of SETS.entries())
          expect(await digestOf(user, `apt/${name}`)).toBe(digests[index] as string);
      }
      await mustRun(["rm", "-rf", data]);
    });
  });

  it("are not made of a package whose script fails; the answer says which, and why", async () => {
    const failing = join(folder.path, "failing");
    await mkdir(failing);
    const repository = await createDebianRepository(failing);
    await repository.publish([
      {
        name: "broken-package",
        hasFile: true,
        scripts: { postinst: "#!/bin/sh\necho it cannot be done >&2\nexit 7\n" },
      },
    ]);
    const sourcesFile = join(failing, "all.list");
    await writeSourcesWithHost(sourcesFile, repository);
    await using own = await startServerProcess(join(folder.path, "data/other"), {
      ...VARIABLES,
      SLIPWAY_BUILDER_APT_SOURCES_FILE: sourcesFile,
      SLIPWAY_BUILDER_APT_LIST_MAX_AGE_SECONDS: "1",
    });
    const failure = await pullFailure(own.url, "apt/broken-package");
    expect(failure.message).toContain("broken-package could not be configured");
    expect(failure.detail).toMatchObject({
      package: "broken-package",
      script: "postinst",
      output: expect.stringContaining("it cannot be done"),
    });
    expect((await fetch(`${own.url}/v2/apt/broken-package/tags/list`)).status).toBe(404);
  });
});
