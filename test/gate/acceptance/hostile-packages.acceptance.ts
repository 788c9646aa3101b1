import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { streamedEntries } from "../../../src/builder/archive/tar-reader.ts";
import { installed, mustRun } from "../../support/command.ts";
import { createDebianRepository, type TestPackage } from "../../support/debian-repository.ts";
import { writeSourcesWithHost } from "../../support/host-sources.ts";
import { pullFailure } from "../../support/pull-failure.ts";
import { describeWith } from "../../support/requirements.ts";
import { sandboxProblem } from "../../support/sandbox-tree.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { attempts, FAILING, MAKES_PASSWORD, NEEDS_FAILING, OUTCOMES } from "./hostile-packages.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const PROBLEM = await sandboxProblem();

/** Two packages with one file: the second one diverts the first one's, replaces it, or does neither. */
const SHARING: readonly TestPackage[] = [
  {
    name: "sharing-first",
    hasFile: true,
    files: { "usr/bin/shared": "first\n", "usr/bin/taken": "first\n" },
  },
  {
    name: "sharing-diverts",
    hasFile: true,
    files: { "usr/bin/shared": "diverts\n" },
    scripts: {
      preinst:
        "#!/bin/sh\nexec dpkg-divert --package sharing-diverts --add --rename --divert /usr/bin/shared.first /usr/bin/shared\n",
    },
  },
  {
    name: "sharing-replaces",
    hasFile: true,
    files: { "usr/bin/taken": "replaces\n" },
    fields: { Replaces: "sharing-first" },
  },
  { name: "sharing-overwrites", hasFile: true, files: { "usr/bin/shared": "overwrites\n" } },
];

/** One runs a configuration file of the other when it is configured, which is first. */
const HOOKS: readonly TestPackage[] = [
  {
    name: "hooks-first",
    hasFile: true,
    scripts: { postinst: "#!/bin/sh\nhook=/etc/hooks.d/second\n[ ! -e $hook ] || sh $hook\n" },
  },
  {
    name: "hooks-second",
    hasFile: true,
    fields: { Depends: "hooks-first" },
    files: { "etc/hooks.d/second": "[ -e /var/lib/hooks-second ]\n" },
    scripts: {
      conffiles: "/etc/hooks.d/second\n",
      preinst: "#!/bin/sh\n[ ! -e /etc/hooks.d/second ]\n",
      // A script that is not in a chroot may start the system's services again.
      postinst: "#!/bin/sh\nischroot && cp /etc/hooks.d/second /var/lib/hooks-second\n",
    },
  },
];

/** Two packages with one configuration file, which the second one diverts. */
const SHARED_CONFFILE: readonly TestPackage[] = ["first", "diverts"].map((name) => ({
  name: `conffile-${name}`,
  hasFile: true,
  files: { "etc/shared.conf": `${name}\n` },
  scripts: {
    conffiles: "/etc/shared.conf\n",
    ...(name === "first"
      ? {}
      : {
          preinst:
            "#!/bin/sh\nexec dpkg-divert --package conffile-diverts --add --rename --divert /etc/shared.conf.first /etc/shared.conf\n",
        }),
  },
}));

setDefaultTimeout(900_000);

describeWith("packages that nobody trusts", HAS_APT && PROBLEM === undefined, PROBLEM ?? "no apt", () => {
  let folder: TemporaryFolder;
  let host: ReturnType<typeof Bun.serve>;
  let server: ServerProcess;
  let tries: readonly TestPackage[];

  beforeAll(async () => {
    folder = await temporaryFolder("hostile");
    host = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("secret") });
    const secret = join(folder.path, "secret");
    await writeFile(secret, "secret\n");
    tries = attempts(secret, host.port as number);
    const repository = await createDebianRepository(folder.path);
    await repository.publish([
      ...tries,
      ...FAILING.map(([one]) => one),
      NEEDS_FAILING,
      MAKES_PASSWORD,
      ...SHARING,
      ...HOOKS,
      ...SHARED_CONFFILE,
    ]);
    const sourcesFile = join(folder.path, "all.list");
    await writeSourcesWithHost(sourcesFile, repository);
    server = await startServerProcess(join(folder.path, "data"), {
      SLIPWAY_BUILDER_SEARCH: "false",
      SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox",
      // Half of what a package tries to take.
      SLIPWAY_BUILDER_APT_SANDBOX_MEMORY_BYTES: String(600 << 20),
      SLIPWAY_BUILDER_APT_SOURCES_FILE: sourcesFile,
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await host.stop(true);
    await mustRun(["rm", "-rf", join(folder.path, "data")]);
    await folder[Symbol.asyncDispose]();
  });

  /** The last layer of an image: texts of files, and what else there is, by path. */
  const lastLayer = async (name: string): Promise<ReadonlyMap<string, string>> => {
    const pulled = await fetch(`${server.url}/v2/${name}/manifests/latest`);
    if (pulled.status !== 200) throw new Error(await pulled.text());
    const { layers } = (await pulled.json()) as { layers: readonly { digest: string }[] };
    const blob = await fetch(`${server.url}/v2/${name}/blobs/${layers.at(-1)?.digest}`);
    const archive = Bun.gunzipSync(new Uint8Array(await blob.arrayBuffer()));
    const entries = new Map<string, string>();
    for await (const entry of streamedEntries(
      (async function* () {
        yield archive;
      })(),
    )) {
      const content = Buffer.concat(
        await Array.fromAsync(entry.content, (chunk) => chunk.slice()),
      ).toString();
      entries.set(entry.path, entry.type === "file" ? content : `${entry.type} ${entry.linkTarget}`);
    }
    return entries;
  };

  it("get nothing of the host, and spoil only their own image", async () => {
    const entries = await lastLayer(["apt", ...tries.map(({ name }) => name)].join("/"));
    const outcomes = Object.fromEntries(
      tries.map(({ name }) => {
        const attempt = name.replace("hostile-", "");
        return [attempt, entries.get(`${OUTCOMES}/${attempt}`)?.trim()];
      }),
    );
    expect(outcomes).toEqual({
      net: "refused\nrefused",
      host: "end",
      kernel: "end",
      fd: "0 1 2 3",
      tty: "end",
      prompt: "end",
      key: "made",
      setuid: "made",
      fifo: "made",
      names: "made",
      clock: "xxxxxxxxxx",
      daemon: "started",
      status: "end",
      deep: "200",
    });
    expect(entries.has("etc/hostile.pem")).toBe(false);
    expect(entries.get("etc/hostile-fifo")).toBe("fifo ");
    expect(entries.get("etc/hostile-root")).toBe("symlink /");
    expect([...entries.values()].join()).not.toContain("secret\n");
    expect([...entries.keys()].filter((path) => path.startsWith("srv/names/"))).toHaveLength(4);
    expect(entries.get("var/lib/dpkg/status")).not.toContain("Package: other\n");
    expect(existsSync("/dev/disk")).toBe(false);
  });

  it.each(FAILING.map(([{ name }, message]) => [name, message] as const))(
    "fail alone: %s",
    async (name, message) => {
      const failure = await pullFailure(server.url, `apt/${name}`);
      expect([failure.status, failure.message]).toEqual([503, expect.stringMatching(message)]);
      expect((await fetch(`${server.url}/v2/apt/${name}/tags/list`)).status).toBe(404);
    },
  );

  it("tell what failed, not what cannot be configured without it", async () => {
    const failure = await pullFailure(server.url, `apt/${NEEDS_FAILING.name}`);
    expect(failure.message).toContain("hostile-fails could not be configured: its postinst failed");
    const { output } = failure.detail as { output: string };
    expect(output.split("\n").slice(-3)).toEqual([
      "it cannot be done",
      "dpkg: error processing package hostile-fails (--configure):",
      " installed hostile-fails package post-installation script subprocess returned error exit status 3",
    ]);
  });

  it("ship no password that their scripts make up", async () => {
    const entries = await lastLayer(`apt/${MAKES_PASSWORD.name}`);
    expect(entries.get("etc/dbconfig-common/hostile.conf")).toBe("dbc_dbpass=''\n");
    const text = entries.get("etc/hostile-password") ?? "";
    // The image's time, then the line.
    expect(text).toMatch(/^\w{3}, .+ \+0000\npassword is {2}here\n$/);
    const md5 = new Bun.CryptoHasher("md5").update(text).digest("hex");
    expect(entries.get("var/lib/ucf/hashfile")).toBe(`${md5}  /etc/hostile-password\n`);
    const script = entries.get("usr/sbin/slipway-first-start");
    expect(script).toContain(`fill '/etc/hostile-password' ${md5} \\\n  2 'password is  here' `);
  });

  it("have files at one path as dpkg would have them: diverted or replaced, but not overwritten", async () => {
    const diverted = await lastLayer("apt/sharing-diverts/sharing-first");
    expect(diverted.get("usr/bin/shared.first")).toBe("first\n");
    expect(diverted.get("usr/bin/shared") ?? "diverts\n").toBe("diverts\n");
    expect(diverted.get("var/lib/dpkg/diversions")).toStartWith(
      "/usr/bin/shared\n/usr/bin/shared.first\nsharing-diverts\n",
    );
    const replaced = await lastLayer("apt/sharing-first/sharing-replaces");
    expect(replaced.get("usr/bin/taken") ?? "replaces\n").toBe("replaces\n");
    const { message } = await pullFailure(server.url, "apt/sharing-first/sharing-overwrites");
    expect(message).toContain("sharing-overwrites could not be configured");
  });

  it("see configuration files only once their packages are configured, as with dpkg", async () => {
    const hooks = await lastLayer("apt/hooks-second");
    expect(hooks.get("var/lib/hooks-second")).toBe("[ -e /var/lib/hooks-second ]\n");
    // It is as its package has it.
    expect([...hooks.keys()].filter((path) => path.startsWith("etc/hooks.d"))).toEqual([]);
    expect(hooks.get("var/lib/dpkg/status")).toMatch(/^ \/etc\/hooks\.d\/second [0-9a-f]{32}$/m);
    const shared = await lastLayer("apt/conffile-diverts/conffile-first");
    expect(shared.get("etc/shared.conf") ?? "diverts\n").toBe("diverts\n");
    expect(shared.get("etc/shared.conf.first")).toBe("first\n");
    for (const status of [hooks, shared].map((layer) => layer.get("var/lib/dpkg/status")))
      expect(status).not.toContain("newconffile");
    expect([...hooks.keys(), ...shared.keys()].filter((path) => path.endsWith(".dpkg-new"))).toEqual([]);
  });
});
