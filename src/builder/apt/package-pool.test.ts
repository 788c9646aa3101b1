import { describe, expect, it } from "bun:test";
import { readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { digestOf, encodedOf } from "../../oci/digest.ts";
import type { DebianPackage } from "./debian-package.ts";
import type { Download } from "./download-batch.ts";
import { type FetchOptions, PackagePool } from "./package-pool.ts";

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

const SIGNAL = new AbortController().signal;

function by(download: Download, batchBytes?: number): FetchOptions {
  return { begin: () => download, batchBytes, signal: SIGNAL };
}

/** The files in the pool's folder. */
async function filesIn(folder: string): Promise<readonly string[]> {
  return await Array.fromAsync(new Bun.Glob("**/*").scan({ cwd: folder, onlyFiles: true }));
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
      pool.fetch([resolved("a"), resolved("b")], by(download)),
      pool.fetch([resolved("b"), resolved("c")], by(download)),
    ]);
    expect(asked.toSorted()).toEqual(["a", "b", "c"]);
    await one[Symbol.asyncDispose]();
    await one[Symbol.asyncDispose]();
    expect(await Bun.file(await other.file(resolved("b"), SIGNAL)).text()).toBe("b");
    await other[Symbol.asyncDispose]();
    expect(await filesIn(folder.path)).toEqual([]);
  });

  it("refuses a file with the wrong digest when it is needed, and downloads it again for the next user", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const wrong = async (_: readonly DebianPackage[], target: string): Promise<void> => {
      await Bun.write(join(target, "a_1_all.deb"), "A");
    };
    await using damaged = await pool.fetch([resolved("a")], by(wrong));
    for (let attempt = 0; attempt < 2; attempt += 1)
      await expect(damaged.file(resolved("a"), SIGNAL)).rejects.toThrow("damaged after the download: a");
    await using again = await pool.fetch([resolved("a")], by(downloader([])));
    expect(await Bun.file(await again.file(resolved("a"), SIGNAL)).text()).toBe("a");
    await expect(damaged.file(resolved("a"), SIGNAL)).rejects.toThrow("damaged after the download: a");
  });

  it("names the files that a download lacks, and keeps none of the others", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const packages = ["a", "b", "c"].map(resolved);
    const oneOfThree = (wanted: readonly DebianPackage[], target: string): Promise<void> =>
      downloader([])(wanted.slice(1, 2), target);
    await expect(pool.fetch(packages, by(oneOfThree))).rejects.toThrow("missing after the download: a, c");
    expect(await filesIn(folder.path)).toEqual([]);
    await using again = await pool.fetch(packages, by(downloader([])));
    expect(await Bun.file(await again.file(resolved("c"), SIGNAL)).text()).toBe("c");
  });

  it("takes over a download that another caller gave up", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const started = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const givingUp = pool.fetch(
      [resolved("a")],
      by(() => {
        started.resolve();
        return end.promise;
      }),
    );
    await started.promise;
    const asked: string[] = [];
    const patient = pool.fetch([resolved("a")], by(downloader(asked)));
    await Bun.sleep(0);
    expect(asked).toEqual([]);
    end.reject(new Error("gave up"));
    await expect(givingUp).rejects.toThrow("gave up");
    await using held = await patient;
    expect(await Bun.file(await held.file(resolved("a"), SIGNAL)).text()).toBe("a");
  });

  it("gives out a file while others are still downloaded, in batches, in order", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const asked: string[] = [];
    const last = Promise.withResolvers<void>();
    const download: Download = async (packages, target) => {
      if (packages.some(({ name }) => name === "c")) await last.promise;
      await downloader(asked)(packages, target);
    };
    await using held = await pool.fetch(["a", "b", "c"].map(resolved), by(download, 2));
    expect(await Bun.file(await held.file(resolved("b"), SIGNAL)).text()).toBe("b");
    expect(asked).toEqual(["a", "b"]);
    const gone = new AbortController();
    const impatient = held.file(resolved("c"), gone.signal);
    gone.abort(new Error("no time"));
    await expect(impatient).rejects.toThrow("no time");
    const patient = held.file(resolved("c"), SIGNAL);
    last.resolve();
    expect(await Bun.file(await patient).text()).toBe("c");
  });

  it("stops a download that nobody needs any more, and leaves nothing of it", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const asked: string[] = [];
    const download: Download = async (packages, target, signal) => {
      await downloader(asked)(packages, target);
      if (asked.length === 1) return;
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    };
    const held = await pool.fetch(["a", "b", "c"].map(resolved), by(download, 1));
    const waiting = ["b", "c"].map((name) => held.file(resolved(name), SIGNAL).catch(String));
    while (asked.length < 2) await setImmediate();
    await held[Symbol.asyncDispose]();
    expect(await Promise.all(waiting)).toEqual(Array(2).fill("Error: nobody needs the packages any more"));
    expect(asked).toEqual(["a", "b"]);
    expect(await filesIn(folder.path)).toEqual([]);
  });

  it("goes on with a download for others when its starter has left", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const asked: string[] = [];
    const end = Promise.withResolvers<void>();
    const download: Download = async (packages, target) => {
      if (asked.length > 0) await end.promise;
      await downloader(asked)(packages, target);
    };
    const starter = await pool.fetch(["a", "b", "c", "d", "e"].map(resolved), by(download, 2));
    // Whoever made a layer for two builds keeps asking for its files when one of them has left.
    const shared = starter.file(resolved("c"), SIGNAL);
    const others = pool.fetch([resolved("c")], by(download, 2));
    // It holds the file before it waits.
    await setImmediate();
    await starter[Symbol.asyncDispose]();
    end.resolve();
    expect(await Bun.file(await shared).text()).toBe("c");
    const other = await others;
    expect(await other.file(resolved("c"), SIGNAL)).toBe(await shared);
    expect(asked).toEqual(["a", "b", "c", "d"]);
    expect(await filesIn(folder.path)).toHaveLength(1);
    await other[Symbol.asyncDispose]();
    expect(await filesIn(folder.path)).toEqual([]);
  });

  it("fails all batches after one that failed, which others download themselves", async () => {
    await using folder = await temporaryFolder("pool");
    const pool = new PackagePool(folder.path);
    const end = Promise.withResolvers<void>();
    end.promise.catch(() => {});
    const download: Download = async (packages, target) => {
      if (packages[0]?.name !== "x") await end.promise;
      await downloader([])(packages, target);
    };
    await using failing = await pool.fetch(["x", "a", "b"].map(resolved), by(download, 1));
    const asked: string[] = [];
    const others = pool.fetch(["b", "a"].map(resolved), by(downloader(asked), 1));
    const failed = ["a", "b"].map((name) => failing.file(resolved(name), SIGNAL).catch(String));
    await setImmediate();
    end.reject(new Error("the mirror is gone"));
    expect(await Promise.all(failed)).toEqual(Array(2).fill("Error: the mirror is gone"));
    await using other = await others;
    const needed = ["a", "b", "a"].map((name) => other.file(resolved(name), SIGNAL));
    for (const [index, name] of ["a", "b", "a"].entries())
      expect(await Bun.file((await needed[index]) as string).text()).toBe(name);
    expect(asked.toSorted()).toEqual(["a", "b"]);
    expect(await Bun.file(await failing.file(resolved("x"), SIGNAL)).text()).toBe("x");
  });

  it("opens its folder again after it could not", async () => {
    await using folder = await temporaryFolder("pool");
    const root = join(folder.path, "root");
    await Bun.write(root, "a file in the way");
    const pool = new PackagePool(root);
    await expect(pool.fetch([resolved("a")], by(downloader([])))).rejects.toThrow("EEXIST");
    await rm(root);
    await using held = await pool.fetch([resolved("a")], by(downloader([])));
    expect(await Bun.file(await held.file(resolved("a"), SIGNAL)).text()).toBe("a");
  });

  it("opens its folder although an old one in it vanishes meanwhile", async () => {
    await using folder = await temporaryFolder("pool");
    // A dangling link: `readdir` lists it, but `stat` finds nothing.
    await symlink(join(folder.path, "gone"), join(folder.path, "999999991-gone"));
    await using held = await new PackagePool(folder.path).fetch([resolved("a")], by(downloader([])));
    expect(await Bun.file(await held.file(resolved("a"), SIGNAL)).text()).toBe("a");
  });

  it("removes what dead processes left behind, and nothing of running ones", async () => {
    await using folder = await temporaryFolder("pool");
    await Bun.write(join(folder.path, "pool-dead", "x.deb"), "x");
    await using first = await new PackagePool(folder.path).fetch([resolved("a")], by(downloader([])));
    // In a restarted container, the next process has the same id.
    await using second = await new PackagePool(folder.path).fetch([resolved("a")], by(downloader([])));
    expect(await readdir(folder.path)).not.toContain("pool-dead");
    for (const held of [first, second])
      expect(await Bun.file(await held.file(resolved("a"), SIGNAL)).text()).toBe("a");
  });
});
