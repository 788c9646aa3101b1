import { expect, it, setDefaultTimeout } from "bun:test";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { installed, mustRun } from "../../test/support/command.ts";
import type { TestPackage } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import {
  HAS_APT,
  LATEST,
  PACKAGES,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import { writeOciLayout } from "./oci-layout.ts";

/** Real shared libraries, because ldconfig reads them. */
const [LIBRARIES] = ["x86_64", "aarch64"]
  .map((processor) => `/lib/${processor}-linux-gnu`)
  .filter(existsSync);
const CAN_UNPACK =
  installed("umoci", "dpkg", "update-alternatives", "ldconfig") &&
  LIBRARIES !== undefined &&
  process.getuid?.() === 0;

/** A package with libraries in two folders, a configuration file and an alternative. */
async function viewer(): Promise<TestPackage> {
  const library = (name: string) => Bun.file(join(LIBRARIES ?? "", name)).bytes();
  return {
    name: "viewer",
    hasFile: true,
    files: {
      "usr/bin/viewer": "#!/bin/sh\n",
      "usr/lib/libm.so.6": await library("libm.so.6"),
      "usr/lib/viewer/libc.so.6": await library("libc.so.6"),
      "etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
      "etc/ld.so.conf.d/viewer.conf": "/usr/lib/viewer\n",
    },
    scripts: {
      postinst: "#!/bin/sh\nupdate-alternatives --install /usr/bin/pager pager /usr/bin/viewer 10\n",
    },
  };
}

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

describeWith("images built with apt", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const name = (text: string) => parseRepositoryName(text);

  describeWith("unpacked", CAN_UNPACK, "no umoci, dpkg or ldconfig, or not root", () => {
    it("are what dpkg and ldconfig would have made", async () => {
      await shared.distribution.repository.publish([...PACKAGES, await viewer()]);
      await using later = await shared.distribution.open("one", {
        aptState: join(shared.distribution.path, "later-apt"),
      });
      await later.builder.ensure(name("apt/curl/viewer"), LATEST, SOMEBODY);
      const layout = join(shared.distribution.path, "layout");
      await writeOciLayout(shared.registry.store, name("apt/curl/viewer"), LATEST, layout);
      const bundle = join(shared.distribution.path, "bundle");
      await mustRun(["umoci", "unpack", "--rootless", "--image", `${layout}:latest`, bundle]);
      const root = join(bundle, "rootfs");
      const dpkg = (...options: readonly string[]) => mustRun(["dpkg", `--root=${root}`, ...options]);
      expect(await dpkg("--list")).toMatch(/^ii +curl /m);
      expect(await dpkg("--audit")).toBe("");
      expect(await dpkg("--verify")).toBe("");
      // Whoever removes or configures the package later needs its scripts.
      const { mode } = await stat(join(root, "var/lib/dpkg/info/viewer.postinst"));
      expect(mode & 0o777).toBe(0o755);
      const pager = await mustRun(["update-alternatives", "--root", root, "--query", "pager"]);
      expect(pager).toContain("Value: /usr/bin/viewer\n");
      const libraries = async () =>
        (await mustRun(["ldconfig", "-r", root, "-p"])).split("\n").filter((line) => line.includes("=>"));
      const ours = await libraries();
      await mustRun(["ldconfig", "-r", root]);
      expect(ours).toHaveLength(2);
      expect(ours).toEqual(await libraries());
    });
  });
});
