import { describe, expect, it } from "bun:test";
import { readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { digestOf, encodedOf } from "../../oci/digest.ts";
import type { DebianPackage } from "./debian-package.ts";
import { type Download, PackagePool } from "./package-pool.ts";

function resolved(name: string): DebianPackage {
  return {
    name,
    version: "1",
    architecture: "all",
    sha256: encodedOf(digestOf(name)),
    sizeBytes: name.length,
    file: `${name}.deb`,
    base: false,
  };
}

/** Writes each package's name as its file; adds what it downloads to `asked`. */
function downloader(asked: string[]) {
  return async (packages: readonly DebianPackage[], folder: string): Promise<void> => {
    for (const { name } of packages) {
      asked.push(name);
      await Bun.write(join(folder, `${name}_1_all.deb`), name);
    }
  };
}

describe("the package pool", () => {
  it("downloads a file once for concurrent users, and removes it after the last", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const asked: string[] = [];
    const all = Promise.withResolvers<void>();
    // No download ends before both have started.
    const download: Download = async (packages, target) => {
      if (packages.some(({ name }) => name === "c")) all.resolve();
      await all.promise;
      await downloader(asked)(packages, target);
    };
    const [one, other] = await Promise.all([
      pool.fetch([resolved("a"), resolved("b")], download),
      pool.fetch([resolved("b"), resolved("c")], download),
    ]);
    expect(asked.toSorted()).toEqual(["a", "b", "c"]);
    await one[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    expect(await Bun.file(await other.file(resolved("b"))).text()).toBe("b");
    await other[Symbol.asyncDispose]();
    const files = await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: folder.path, onlyFiles: true }));
    expect(files).toEqual([]);
  });

  it("refuses a file with the wrong digest when it is needed, and downloads it again for the next user", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const wrong = async (_: readonly DebianPackage[], target: string): Promise<void> => {
      await Bun.write(join(target, "a_1_all.deb"), "A");
    };
    await using damaged = await pool.fetch([resolved("a")], wrong);
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(damaged.file(resolved("a"))).rejects.toThrow("damaged after the download: a");
    await using again = await pool.fetch([resolved("a")], downloader([]));
    expect(await Bun.file(await again.file(resolved("a"))).text()).toBe("a");
    await expect(damaged.file(resolved("a"))).rejects.toThrow("damaged after the download: a");
  });

  it("names the files that a download lacks, and keeps none of the others", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const packages = ["a", "b", "c"].map(resolved);
    const oneOfThree = (wanted: readonly DebianPackage[], target: string): Promise<void> =>
      downloader([])(wanted.slice(1, 2), target);
    await expect(pool.fetch(packages, oneOfThree)).rejects.toThrow("missing after the download: a, c");
    expect(await Array.fromAsync(new Bun.Glob("**/*.deb").scan({ cwd: folder.path }))).toEqual([]);
    await using again = await pool.fetch(packages, downloader([]));
    expect(await Bun.file(await again.file(resolved("c"))).text()).toBe("c");
  });

  it("takes over a download that another caller gave up", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const started = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const givingUp = pool.fetch([resolved("a")], () => {
      started.resolve();
      return end.promise;
    });
    await started.promise;
    const asked: string[] = [];
    const patient = pool.fetch([resolved("a")], downloader(asked));
    await Bun.sleep(0);
    expect(asked).toEqual([]);
    end.reject(new Error("gave up"));
    await expect(givingUp).rejects.toThrow("gave up");
    await using held = await patient;
    expect(await Bun.file(await held.file(resolved("a"))).text()).toBe("a");
  });

  it("opens its folder again after it could not", async () => {
    await using folder = await temporaryFolder("pool");
    const root = join(folder.path, "root");
    await Bun.write(root, "a file in the way");
    const pool = new PackagePool(root);
    await expect(pool.fetch([resolved("a")], downloader([]))).rejects.toThrow("EEXIST");
    await rm(root);
    await using held = await pool.fetch([resolved("a")], downloader([]));
    expect(await Bun.file(await held.file(resolved("a"))).text()).toBe("a");
  });

  it("opens its folder although an old one in it vanishes meanwhile", async () => {
    await using folder = await temporaryFolder("pool");
    // A dangling link: `readdir` lists it, but `stat` finds nothing.
    await symlink(join(folder.path, "gone"), join(folder.path, "999999991-gone"));
    await using held = await new PackagePool(folder.path).fetch([resolved("a")], downloader([]));
    expect(await Bun.file(await held.file(resolved("a"))).text()).toBe("a");
  });

  it("removes what dead processes left behind, and nothing of running ones", async () => {
    await using folder = await temporaryFolder("pool");
    await Bun.write(join(folder.path, "pool-dead", "x.deb"), "x");
    await using first = await new PackagePool(folder.path).fetch([resolved("a")], downloader([]));
    // In a restarted container, the next process has the same id.
    await using second = await new PackagePool(folder.path).fetch([resolved("a")], downloader([]));
    expect(await readdir(folder.path)).not.toContain("pool-dead");
    for (const held of [first, second])
      expect(await Bun.file(await held.file(resolved("a"))).text()).toBe("a");
  });
});
