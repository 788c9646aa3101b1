import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { digestOf } from "../../oci/digest.ts";
import type { LayerBelow, LayerContent } from "../package-source.ts";
import { TreeCache, type Unpacker } from "./tree-cache.ts";

const SIGNAL = new AbortController().signal;

/** Writes an archive to a file, which shows as well which one it was. */
class FileUnpacker implements Unpacker {
  unpacked = 0;
  failsAt: number | undefined;

  async unpack(archive: AsyncIterable<Uint8Array>, folder: string): Promise<void> {
    this.unpacked += 1;
    await mkdir(folder);
    if (this.failsAt === this.unpacked) throw new Error("no space");
    await writeFile(join(folder, "archive"), Buffer.concat(await Array.fromAsync(archive)));
  }

  async remove(folder: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
  }
}

function layer(text: string): LayerBelow {
  const bytes = Buffer.from(text);
  async function* open() {
    yield bytes;
  }
  return { diffId: digestOf(bytes), facts: "", open };
}

async function textOf({ path }: { readonly path: string }): Promise<string> {
  return readFile(join(path, "archive"), "utf8");
}

interface Opened {
  readonly unpacker: FileUnpacker;
  readonly cache: TreeCache;
  /** Why layers could not be unpacked while they were made. */
  readonly failures: unknown[];
}

function open(folder: TemporaryFolder, budgetBytes: number): Opened {
  const unpacker = new FileUnpacker();
  const failures: unknown[] = [];
  const onRecordingFailed = (error: unknown) => void failures.push(error);
  const options = { folder: join(folder.path, "trees"), budgetBytes, onRecordingFailed };
  return { unpacker, failures, cache: new TreeCache(options, unpacker) };
}

describe("a cache of trees", () => {
  it("unpacks a layer once for all who need it, at once and later", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker } = open(folder, 1000);
    const held = await Promise.all(Array.from({ length: 5 }, () => cache.hold(layer("one"), SIGNAL)));
    expect(new Set(await Promise.all(held.map(textOf)))).toEqual(new Set(["one"]));
    for (const each of held) await each[Symbol.asyncDispose]();
    await using _again = await cache.hold(layer("one"), SIGNAL);
    await using _other = await cache.hold(layer("two"), SIGNAL);
    expect(unpacker.unpacked).toBe(2);
  });

  it("is shared with other processes, whoever is faster", async () => {
    await using folder = await temporaryFolder("trees");
    const all = Array.from({ length: 4 }, () => open(folder, 1000));
    const held = await Promise.all(all.map(({ cache }) => cache.hold(layer("one"), SIGNAL)));
    expect(new Set(held.map(({ path }) => path)).size).toBe(1);
    for (const each of held) {
      expect(await textOf(each)).toBe("one");
      await each[Symbol.asyncDispose]();
    }
    expect((await readdir(join(folder.path, "trees"))).filter((name) => name.startsWith("tmp-"))).toEqual([]);
  });

  it("removes the trees that were used longest ago, and none that is held", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker } = open(folder, 8);
    const first = await cache.hold(layer("1111"), SIGNAL);
    for (const text of ["2222", "3333", "4444"])
      await (await cache.hold(layer(text), SIGNAL))[Symbol.asyncDispose]();
    expect(await textOf(first)).toBe("1111");
    await (await cache.hold(layer("4444"), SIGNAL))[Symbol.asyncDispose]();
    expect(unpacker.unpacked).toBe(4);
    await first[Symbol.asyncDispose]();
    await (await cache.hold(layer("2222"), SIGNAL))[Symbol.asyncDispose]();
    expect(unpacker.unpacked).toBe(5);
  });

  it("keeps nothing with a budget of 0", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache } = open(folder, 0);
    const held = await cache.hold(layer("one"), SIGNAL);
    const other = await cache.hold(layer("one"), SIGNAL);
    await held[Symbol.asyncDispose]();
    await held[Symbol.asyncDispose]();
    expect(await textOf(other)).toBe("one");
    await other[Symbol.asyncDispose]();
    expect(await readdir(join(folder.path, "trees"))).toEqual([]);
  });

  it("keeps nothing of a layer that could not be unpacked, and tries again", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker } = open(folder, 1000);
    unpacker.failsAt = 1;
    await expect(cache.hold(layer("one"), SIGNAL)).rejects.toThrow("no space");
    expect(await readdir(join(folder.path, "trees"))).toEqual([]);
    await using held = await cache.hold(layer("one"), SIGNAL);
    expect(await textOf(held)).toBe("one");
    await expect(cache.hold(layer("two"), AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  });

  it("removes what a dead process left, and nothing of a living one", async () => {
    await using folder = await temporaryFolder("trees");
    const trees = join(folder.path, "trees");
    await mkdir(join(trees, "tmp-left", "tree"), { recursive: true });
    const slow = open(folder, 1000);
    const released = Promise.withResolvers<void>();
    const unpacking = Promise.withResolvers<void>();
    async function* stalling() {
      unpacking.resolve();
      await released.promise;
      yield Buffer.from("slow");
    }
    const making = slow.cache.hold({ ...layer("slow"), open: stalling }, SIGNAL);
    await unpacking.promise;
    const other = open(folder, 1000);
    await (await other.cache.hold(layer("one"), SIGNAL))[Symbol.asyncDispose]();
    expect(existsSync(join(trees, "tmp-left"))).toBe(false);
    released.resolve();
    await using held = await making;
    expect(await textOf(held)).toBe("slow");
  });

  it("unpacks what only one caller needs, and removes it with its holder", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker } = open(folder, 1000);
    {
      await using own = await cache.unpack(layer("own").open(), SIGNAL);
      await using _other = await open(folder, 1000).cache.hold(layer("one"), SIGNAL);
      expect(await textOf(own)).toBe("own");
    }
    unpacker.failsAt = 2;
    await expect(cache.unpack(layer("own").open(), SIGNAL)).rejects.toThrow("no space");
    const names = await readdir(join(folder.path, "trees"));
    expect(names.filter((name) => name.startsWith("tmp-"))).toEqual([]);
  });
});

/** A layer in the making, with this archive. */
function content(archive: ByteSource): LayerContent {
  return { archive, facts: () => "" };
}

/** Makes a layer; resolves to its archive. */
async function make({ archive, settle }: LayerContent): Promise<string> {
  const text = Buffer.concat(await Array.fromAsync(archive, (chunk) => chunk.slice())).toString("utf8");
  await settle?.(digestOf(Buffer.from(text)));
  return text;
}

describe("a layer that is unpacked while it is made", () => {
  it("needs not be unpacked again", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker, failures } = open(folder, 1000);
    expect(await make(cache.recorded(content(layer("one").open()), SIGNAL))).toBe("one");
    await using held = await cache.hold(layer("one"), SIGNAL);
    expect(await textOf(held)).toBe("one");
    expect(unpacker.unpacked).toBe(1);
    expect(await make(cache.recorded(content(layer("one").open()), SIGNAL))).toBe("one");
    expect(await readdir(join(folder.path, "trees"))).toHaveLength(1);
    expect(failures).toEqual([]);
  });

  it("is whole even if it cannot be unpacked, or is not read to its end", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, unpacker, failures } = open(folder, 1000);
    async function* long() {
      for (let piece = 0; piece < 40; piece += 1) yield Buffer.alloc(1 << 16, 65 + piece);
    }
    const whole = Buffer.concat(await Array.fromAsync(long())).toString();
    unpacker.failsAt = 1;
    expect(await make(cache.recorded(content(long()), SIGNAL))).toBe(whole);
    expect(failures).toEqual([new Error("no space")]);
    expect(await readdir(join(folder.path, "trees"))).toEqual([]);
    unpacker.unpack = async (archive, made) => {
      await mkdir(made);
      for await (const _ of archive) return;
    };
    expect(await make(cache.recorded(content(long()), SIGNAL))).toBe(whole);
    await (await cache.hold({ ...layer(""), diffId: digestOf(Buffer.from(whole)) }, SIGNAL))[
      Symbol.asyncDispose
    ]();
    expect(failures).toHaveLength(1);
  });

  it("leaves nothing if it could not be made", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache, failures } = open(folder, 1000);
    async function* broken() {
      yield Buffer.from("begin");
      throw new Error("damaged");
    }
    const failing = cache.recorded(content(broken()), SIGNAL);
    await expect(Array.fromAsync(failing.archive)).rejects.toThrow("damaged");
    await failing.settle?.(undefined);
    const left = cache.recorded(content(layer("left").open()), SIGNAL);
    for await (const _ of left.archive) break;
    await left.settle?.(undefined);
    const unstored = cache.recorded(content(layer("unstored").open()), SIGNAL);
    for await (const _ of unstored.archive);
    await unstored.settle?.(undefined);
    await cache.recorded(content(layer("unread").open()), SIGNAL).settle?.(undefined);
    expect(await readdir(join(folder.path, "trees"))).toEqual([]);
    expect(failures).toEqual([]);
  });

  it("counts in the budget, and is not unpacked if nothing is kept", async () => {
    await using folder = await temporaryFolder("trees");
    const { cache } = open(folder, 8);
    for (const text of ["1111", "2222", "3333"])
      await make(cache.recorded(content(layer(text).open()), SIGNAL));
    expect((await readdir(join(folder.path, "trees"))).toSorted()).toEqual(
      ["2222", "3333"].map((text) => layer(text).diffId.slice("sha256:".length)).toSorted(),
    );
    const nothing = open(folder, 0);
    expect(await make(nothing.cache.recorded(content(layer("one").open()), SIGNAL))).toBe("one");
    expect(nothing.unpacker.unpacked).toBe(0);
  });
});
