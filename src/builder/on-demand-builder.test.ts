import { describe, expect, it, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { openBuildRegistry } from "../../test/support/build-registry.ts";
import { describeWith } from "../../test/support/requirements.ts";
import {
  digestOfImage,
  faultOf,
  HAS_APT,
  LATEST,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

describe("a host without apt", () => {
  it("says so, and why an image cannot be built", async () => {
    await using folder = await temporaryFolder("no-apt");
    await using registry = await openBuildRegistry({
      data: folder.path,
      aptState: join(folder.path, "apt"),
      path: folder.path,
    });
    const found = await registry.builder.sources[0]?.available();
    expect(found).toEqual({ available: false, reason: "not installed: apt-get, apt-cache, dpkg-deb, flock" });
    const error = await faultOf(registry.builder.ensure(parseRepositoryName("apt/curl"), LATEST, SOMEBODY));
    expect(error.fault).toBe("build-unavailable");
  });
});

describeWith("images built with this machine's apt", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const name = (text: string) => parseRepositoryName(text);

  it("are there the second time without a package manager being started", async () => {
    const { startedCount } = shared.registry.runner;
    await shared.registry.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY);
    expect(shared.registry.runner.startedCount).toBe(startedCount);
  });

  it("that cannot be built say why", async () => {
    const unknown = await faultOf(
      shared.registry.builder.ensure(name("apt/curl/nosuchpkg-a/nosuchpkg-b"), LATEST, SOMEBODY),
    );
    expect(unknown.fault).toBe("package-unknown");
    expect(unknown.detail).toEqual({ packages: ["nosuchpkg-a", "nosuchpkg-b"] });
    // apt would read `curl+` as "install curl".
    expect(
      (await faultOf(shared.registry.builder.ensure(name("apt/curl_plus"), LATEST, SOMEBODY))).fault,
    ).toBe("package-unknown");
    const conflict = await faultOf(
      shared.registry.builder.ensure(name("apt/one-mailer/another-mailer"), LATEST, SOMEBODY),
    );
    expect(conflict.fault).toBe("package-conflict");
    expect(JSON.stringify(conflict.detail)).toContain("Conflicts: mailer");
    expect(JSON.stringify(conflict.detail)).not.toContain(shared.distribution.path);
  });

  it("stay when they cannot be resolved again", async () => {
    await using helpless = await shared.distribution.open("one", {
      path: shared.distribution.path,
      refreshSeconds: 0,
    });
    const digest = await digestOfImage(helpless, "apt/curl/git");
    await helpless.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY);
    expect(await digestOfImage(helpless, "apt/curl/git")).toBe(digest ?? "none");
  });

  it("leave no package files behind", async () => {
    const left = await Array.fromAsync(
      new Bun.Glob("pool/**/*").scan({ cwd: join(shared.distribution.path, "apt"), onlyFiles: true }),
    );
    expect(left).toEqual([]);
  });
});
