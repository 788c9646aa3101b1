import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installed, mustRun, run } from "../../support/command.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

interface Layer {
  readonly digest: string;
  readonly size: number;
}

const MINUTE = 60_000;
const asRoot = process.getuid?.() === 0;
const tools = asRoot && installed("apt-get", "skopeo", "umoci", "podman", "buildah", "chroot");

describeWith(
  "building what is pulled, with apt",
  tools,
  "needs root, apt, skopeo, umoci, podman, buildah",
  () => {
    let folder: string;
    let server: ServerProcess;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "slipway-acceptance-"));
      server = await startServerProcess(join(folder, "data"));
    });

    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    const builds = () => server.output().split('"image built"').length - 1;
    const source = (name: string) => `docker://${server.host}/${name}`;

    async function manifestOf(name: string): Promise<{ digest: string; layers: readonly Layer[] }> {
      const response = await fetch(`${server.url}/v2/${name}/manifests/latest`);
      expect(response.status).toBe(200);
      const { layers } = (await response.json()) as { layers: readonly Layer[] };
      return { digest: response.headers.get("docker-content-digest") ?? "", layers };
    }

    it(
      "gives an image whose programs run",
      async () => {
        await mustRun([
          "skopeo",
          "copy",
          "--src-tls-verify=false",
          source("apt/curl/git:latest"),
          `oci:${folder}/img:latest`,
        ]);
        await mustRun([
          "umoci",
          "unpack",
          "--rootless",
          "--image",
          `${folder}/img:latest`,
          `${folder}/bundle`,
        ]);
        const inside = (...command: string[]) => mustRun(["chroot", `${folder}/bundle/rootfs`, ...command]);
        expect(await inside("curl", "--version")).toContain("libcurl");
        expect(await inside("git", "--version")).toContain("git version");
        expect(await inside("dpkg", "--status", "curl")).toContain("Status: install ok installed");
        expect(await inside("bash", "-c", "stat -c %a /tmp; awk 'END {print (NR > 1)}' /etc/passwd")).toBe(
          "1777\n1\n",
        );
      },
      5 * MINUTE,
    );

    it(
      "is pulled by podman and by buildah",
      async () => {
        const storage = [
          "--storage-driver",
          "vfs",
          "--root",
          `${folder}/storage`,
          "--runroot",
          `${folder}/run`,
        ];
        for (const client of ["podman", "buildah"]) {
          await mustRun([
            client,
            ...storage,
            "pull",
            "--tls-verify=false",
            `${server.host}/apt/curl/git:latest`,
          ]);
          await mustRun([client, ...storage, "rmi", "--all", "--force"]);
        }
      },
      5 * MINUTE,
    );

    it(
      "is not built again when it is pulled again, also after a restart",
      async () => {
        const before = await manifestOf("apt/curl/git");
        const built = builds();
        expect(built).toBe(1);
        expect((await manifestOf("apt/curl/git")).digest).toBe(before.digest);
        expect(builds()).toBe(built);
        expect(await server.end("SIGTERM")).toBe(0);
        // Without a search path there is no package manager to start.
        server = await startServerProcess(join(folder, "data"), { PATH: "" });
        expect(server.output()).toContain("apt: not available");
        expect((await manifestOf("apt/curl/git")).digest).toBe(before.digest);
        await server.end("SIGTERM");
        server = await startServerProcess(join(folder, "data"));
      },
      MINUTE,
    );

    it(
      "gives the same manifest whatever the order of the packages",
      async () => {
        expect((await manifestOf("apt/git/curl")).digest).toBe((await manifestOf("apt/curl/git")).digest);
        expect(builds()).toBe(0);
      },
      MINUTE,
    );

    it(
      "shares at least nine tenths of what two images have in common",
      async () => {
        const small = await manifestOf("apt/curl/git");
        const large = await manifestOf("apt/curl/git/jq");
        const known = new Set(small.layers.map(({ digest }) => digest));
        const bytes = (layers: readonly Layer[]) => layers.reduce((sum, { size }) => sum + size, 0);
        const shared = bytes(large.layers.filter(({ digest }) => known.has(digest)));
        expect(shared / bytes(small.layers)).toBeGreaterThan(0.9);
      },
      MINUTE,
    );

    it(
      "builds once what two pull at the same time",
      async () => {
        const before = builds();
        const digests = await Promise.all([manifestOf("apt/file"), manifestOf("apt/file")]);
        expect(new Set(digests.map(({ digest }) => digest)).size).toBe(1);
        expect(builds()).toBe(before + 1);
      },
      MINUTE,
    );

    it(
      "builds the same image in another, empty data folder",
      async () => {
        const { digest } = await manifestOf("apt/curl/git");
        const data = join(folder, "other");
        const main = join(import.meta.dir, "../../../src/cli/main.ts");
        const environment = { SLIPWAY_DATA: data };
        const printed = await mustRun(
          [process.execPath, main, "build", "apt/curl/git", "--quiet"],
          environment,
        );
        expect(printed).toBe(`apt/curl/git:latest@${digest}\n`);
        const unknown = await run([process.execPath, main, "build", "apt/nosuchpackage", "-q"], environment);
        expect(unknown.exitCode).toBe(3);
        expect(unknown.stderr).toContain("nosuchpackage");
      },
      5 * MINUTE,
    );

    describe("of what cannot be built", () => {
      async function failure(name: string, tag = "latest") {
        const response = await fetch(`${server.url}/v2/${name}/manifests/${tag}`);
        const { errors } = (await response.json()) as {
          errors: { code: string; message: string; detail: unknown }[];
        };
        return { status: response.status, ...errors[0] };
      }

      it("names an unknown package", async () => {
        const { status, code, message } = await failure("apt/nosuchpackage/curl");
        expect({ status, code }).toEqual({ status: 404, code: "MANIFEST_UNKNOWN" });
        expect(message).toContain("nosuchpackage");
        expect(message).not.toContain("curl");
      });

      it("gives apt's own reason for a conflict", async () => {
        const { status, code, detail } = await failure("apt/exim4-daemon-light/postfix");
        expect({ status, code }).toEqual({ status: 404, code: "MANIFEST_UNKNOWN" });
        expect(JSON.stringify(detail)).toContain("Conflicts: mail-transport-agent");
      });

      it("says that only the tag latest is built", async () => {
        expect(await failure("apt/curl", "v1")).toMatchObject({ status: 404, code: "MANIFEST_UNKNOWN" });
      });
    });
  },
);
