import { describe, expect, it } from "bun:test";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../../../test/support/command.ts";
import { describeWith } from "../../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import { rewriteBerkeleyDatabase } from "./berkeley-database.ts";
import { rewriteCompressorManifest } from "./compressor-manifest.ts";
import { rewriteDates } from "./dates.ts";
import { rewriteDocBase } from "./doc-base.ts";
import { rewriteFileDatabase } from "./file-database.ts";
import { rewriteFontCache } from "./font-cache.ts";
import { rewriteInfoDirectory } from "./info-directory.ts";
import { rewriteJavaKeystore } from "./java-keystore.ts";
import { epochSeconds, type NormaliseContext, type Rewrite } from "./rewrite.ts";
import { rewriteShadow } from "./shadow.ts";

const CONTEXT: NormaliseContext = {
  createdAt: new Date("2025-03-04T05:06:07.891Z"),
  folderModifiedAt: () => undefined,
};

// Made by keytool 17, fontconfig 2.14 and postalias 3.7, each twice from the same input.
const VECTORS = join(import.meta.dir, "../../../../../test/vectors/normalise");

async function vector(name: string): Promise<Uint8Array> {
  return Bun.file(join(VECTORS, name)).bytes();
}

/** What both files of a pair become; they must become the same. */
async function rewrittenPair(rewrite: Rewrite, pair: readonly string[]): Promise<Uint8Array> {
  const [left, right] = await Promise.all(pair.map(vector));
  expect(left).not.toEqual(right);
  const rewritten = changed(rewrite, left);
  expect(changed(rewrite, right)).toEqual(rewritten);
  // A second pass changes nothing.
  expect(changed(rewrite, rewritten)).toEqual(rewritten);
  return rewritten;
}

function changed(rewrite: Rewrite, bytes: Uint8Array | undefined, context = CONTEXT): Uint8Array {
  const copy = bytes?.slice();
  const rewritten = rewrite("etc/x", bytes ?? new Uint8Array(), context);
  if (!(rewritten instanceof Uint8Array)) return expect.unreachable("it did not change");
  // The caller's bytes stay as they are.
  expect(bytes).toEqual(copy);
  return rewritten;
}

/** The offsets at which two arrays of one length differ. */
function differences(left: Uint8Array, right: Uint8Array): readonly number[] {
  expect(left.length).toBe(right.length);
  return [...left.keys()].filter((index) => left[index] !== right[index]);
}

describe("a Java keystore", () => {
  it("has the image's time in each entry, and a digest that fits", async () => {
    const rewritten = await rewrittenPair(rewriteJavaKeystore, ["cacerts-1", "cacerts-2"]);
    const time = Buffer.alloc(8);
    time.writeBigUInt64BE(BigInt(CONTEXT.createdAt.getTime()));
    // Two entries, so the text falls into three parts.
    expect(Buffer.from(rewritten).toString("latin1").split(time.toString("latin1"))).toHaveLength(3);
    const hash = new Bun.CryptoHasher("sha1");
    for (const letter of "changeit") hash.update(new Uint8Array([0, letter.charCodeAt(0)]));
    hash.update("Mighty Aphrodite").update(rewritten.subarray(0, -20));
    expect(Buffer.from(rewritten.subarray(-20)).toString("hex")).toBe(hash.digest("hex"));
  });

  it("stays as it is with a private key, another password, or cut short", async () => {
    const whole = await vector("cacerts-1");
    const otherPassword = whole.slice();
    otherPassword[whole.length - 1] = (whole.at(-1) ?? 0) ^ 1;
    for (const bytes of [await vector("private-keystore"), otherPassword, whole.slice(0, -30)]) {
      expect(rewriteJavaKeystore("cacerts", bytes, CONTEXT)).toBe("unchanged");
    }
  });
});

describe("a font cache", () => {
  it("has the time of its folder in the image", async () => {
    const asked: string[] = [];
    const context: NormaliseContext = {
      ...CONTEXT,
      folderModifiedAt: (path) => {
        asked.push(path);
        return new Date("2024-01-01T00:00:00.5Z");
      },
    };
    const original = await vector("fonts-1.cache");
    const rewritten = changed(rewriteFontCache, original, context);
    expect(asked).toEqual(["usr/local/share/fonts"]);
    const view = new DataView(rewritten.buffer, rewritten.byteOffset);
    expect(view.getInt32(48, true)).toBe(Date.UTC(2024, 0, 1) / 1000);
    expect(view.getBigInt64(56, true)).toBe(0n);
    for (const index of differences(original, rewritten)) expect(index).toBeWithin(48, 64);
  });

  it("has the image's time for a folder that no layer has", async () => {
    const rewritten = await rewrittenPair(rewriteFontCache, ["fonts-1.cache", "fonts-2.cache"]);
    const view = new DataView(rewritten.buffer, rewritten.byteOffset);
    expect(view.getInt32(48, true)).toBe(epochSeconds(CONTEXT.createdAt));
  });
});

describe("a Berkeley DB file", () => {
  it("has no random id, and the image's time in a map of postfix", async () => {
    const rewritten = await rewrittenPair(rewriteBerkeleyDatabase, ["aliases-1.db", "aliases-2.db"]);
    const text = Buffer.from(rewritten).toString("latin1");
    expect(text).toContain(`${epochSeconds(CONTEXT.createdAt)}\x01YP_LAST_MODIFIED`);
    const ids = new Set(differences(await vector("aliases-1.db"), rewritten).map((at) => at & 0xfff));
    for (const at of ids) expect(at < 72 ? at >= 52 : at >= 0xfd5).toBe(true);
  });
});

describe("the accounts' shadow", () => {
  it("has the image's day in each line that has a day", () => {
    const text = "root:*:20000:0:99999:7:::\nnew:!::0::::\nsshd:!:1::::::\n\xff\nshort:*:3\n";
    const rewritten = changed(rewriteShadow, Buffer.from(text, "latin1"));
    expect(Buffer.from(rewritten).toString("latin1")).toBe(
      "root:*:20151:0:99999:7:::\nnew:!::0::::\nsshd:!:20151::::::\n\xff\nshort:*:3\n",
    );
  });
});

describe("a list of registered documents", () => {
  it("has the image's time in place of those of files", () => {
    const list = "/usr/share/doc-base/x:\n  CS: 12\n  CT: 1795818033\n";
    expect(Buffer.from(changed(rewriteDocBase, Buffer.from(list))).toString()).toBe(
      "/usr/share/doc-base/x:\n  CS: 12\n  CT: 1741064767\n",
    );
  });
});

describe("a database of TeX's files", () => {
  it("has its folders, and the names in each, in order", () => {
    const begin = "% ls-R -- filename database for kpathsea; do not change this line.";
    const [b, a] = ["./b:\n.:\nz.tex\ny.tex", "./a:\nx.tex"];
    const database = Buffer.from(`${begin}\n\n./:\nls-R\nb\na\n\n${b}\n\n${a}\n`);
    expect(Buffer.from(changed(rewriteFileDatabase, database)).toString()).toBe(
      `${begin}\n\n./:\na\nb\nls-R\n\n${a}\n\n./b:\n.:\ny.tex\nz.tex\n`,
    );
    expect(rewriteFileDatabase("ls-R", Buffer.from("b\n\na\n"), CONTEXT)).toBe("unchanged");
  });
});

describe("a directory of Info documents", () => {
  it("has its sections and their entries in order, each with all of its lines", () => {
    const begin = "File: dir,\tNode: Top\n\n  Type q\n\n* Menu:";
    const [cat, cp] = ["* cat: (c)cat.   Join.\n    Files.", "* cp: (c)cp.   Copy."];
    const one = `Individual utilities\n${cp}\n${cat}`;
    const sorted = `Individual utilities\n${cat}\n${cp}`;
    const directory = Buffer.from(`${begin}\n\n${one}\n\nBasics\n* C: (c).\n\n`);
    expect(Buffer.from(changed(rewriteInfoDirectory, directory)).toString()).toBe(
      `${begin}\n\nBasics\n* C: (c).\n\n${sorted}\n\n`,
    );
    expect(rewriteInfoDirectory("x", Buffer.from(`${begin}\n\n`), CONTEXT)).toBe("unchanged");
  });
});

describe("a list of Django Compressor", () => {
  const [first, second] = ["0a", "f1"].map((digit) => `  "${digit.repeat(32)}": "<link href=\\"/{}.css\\">"`);
  const list = (...entries: readonly (string | undefined)[]) => Buffer.from(`{\n${entries.join(",\n")}\n}`);

  it("is in order", () => {
    expect(changed(rewriteCompressorManifest, list(second, first))).toEqual(list(first, second));
    expect(rewriteCompressorManifest("x", list(first, second), CONTEXT)).toBe("unchanged");
  });

  it("stays as it is if it is another list", () => {
    const others = [
      '{"b": 1, "a": 2}',
      `{\n  "b": "1",\n  "a": "2"\n}`,
      "{\n}",
      `[\n${second},\n${first}\n]`,
    ];
    for (const text of others)
      expect(rewriteCompressorManifest("x", Buffer.from(text), CONTEXT)).toBe("unchanged");
  });
});

describe("a file with dates", () => {
  const rewritten = (text: string) =>
    Buffer.from(changed(rewriteDates, Buffer.from(text, "latin1"))).toString("latin1");

  it.each([
    ["Fri, 27 Nov 2026 22:15:04 +0000", "Tue, 04 Mar 2025 05:06:07 +0000"],
    ["Fri Nov 27 22:15:04 2026", "Tue Mar  4 05:06:07 2025"],
    ["Tue Mar  4 05:06:08 UTC 2025", "Tue Mar  4 05:06:07 UTC 2025"],
    ["2026-11-27 22:15:04", "2025-03-04 05:06:07"],
    ["2026-11-27T22:15:04Z", "2025-03-04T05:06:07Z"],
  ])("has the image's time in place of %s", (date, expected) => {
    expect(rewritten(`\xff made on ${date}\nby ${date}`)).toBe(`\xff made on ${expected}\nby ${expected}`);
  });

  it.each([
    "Tue, 04 Mar 2025 05:06:07 +0000",
    "Mon Jan  2 15:04:05 2006",
    "2019-01-01 00:00:00",
    "2026-11-27",
    "2026-11-27 22:15:04+01:00",
    "Fri, 39 Nov 2026 22:15:04 +0000",
  ])("keeps what a package may have written: %s", (date) => {
    expect(rewriteDates("etc/x", Buffer.from(`made on ${date}\n`), CONTEXT)).toBe("unchanged");
  });
});

describe("a text that no script makes", () => {
  it("stays as it is, because it is too large", () => {
    const date = "2026-11-27 22:15:04";
    expect(rewriteDates("etc/x", Buffer.from(date), CONTEXT)).not.toBe("unchanged");
    expect(rewriteDates("etc/x", Buffer.from(date.padEnd((4 << 20) + 1)), CONTEXT)).toBe("unchanged");
  });
});

describe("a file of any bytes", () => {
  const rewrites = Object.entries({
    rewriteBerkeleyDatabase,
    rewriteDates,
    rewriteDocBase,
    rewriteFontCache,
    rewriteInfoDirectory,
    rewriteJavaKeystore,
    rewriteShadow,
  });
  it.each(rewrites)("goes through %s with its length, or unchanged", async (name, rewrite) => {
    const files = await Promise.all(
      ["cacerts-1", "private-keystore", "fonts-1.cache", "aliases-1.db"].map(vector),
    );
    const damaged = fc
      .tuple(fc.constantFrom(...files), fc.nat(), fc.array(fc.tuple(fc.nat(200), fc.nat(255))))
      .map(([file, length, changes]) => {
        const bytes = file.slice(0, length % (file.length + 1));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        const rewritten = rewrite("x", bytes, CONTEXT);
        if (rewritten === "unchanged" || name === "rewriteShadow") return;
        expect(rewritten.length).toBe(bytes.length);
      }),
    );
  });
});

async function fontSetup(folder: TemporaryFolder) {
  const fonts = join(folder.path, "fonts");
  const cache = join(folder.path, "cache");
  const configuration = join(folder.path, "fonts.conf");
  await mustRun(["mkdir", fonts]);
  await Bun.write(
    configuration,
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
     <fontconfig><dir>${fonts}</dir><cachedir>${cache}</cachedir></fontconfig>`,
  );
  const run = () => mustRun(["fc-cache", "-v"], { FONTCONFIG_FILE: configuration });
  return { fonts, cache, run };
}

describeWith("fc-cache", installed("fc-cache"), "fontconfig is not installed", () => {
  it("accepts a rewritten cache for the folder with the image's time", async () => {
    await using folder = await temporaryFolder("font-cache");
    const { fonts, cache, run } = await fontSetup(folder);
    await utimes(fonts, 1_600_000_000.5, 1_600_000_000.5);
    await run();
    const [name = ""] = [...new Bun.Glob("*-le64.cache-*").scanSync(cache)];
    const path = join(cache, name);
    const rewritten = changed(rewriteFontCache, await Bun.file(path).bytes());
    await writeFile(path, rewritten);
    await utimes(fonts, epochSeconds(CONTEXT.createdAt), epochSeconds(CONTEXT.createdAt));
    expect(await run()).toContain("existing cache is valid");
    expect(rewritten).toEqual(await Bun.file(path).bytes());
  });
});

describeWith("db5.3_load", installed("db5.3_load", "db5.3_dump"), "db5.3-util is not installed", () => {
  it.each(["hash", "btree"])("makes files of type %s that become equal, and can be read", async (type) => {
    await using folder = await temporaryFolder("berkeley-database");
    const input = join(folder.path, "input");
    const lines = Array.from({ length: 500 }, (_, index) => `key${index}\nvalue${index}\n`);
    await Bun.write(input, lines.join(""));
    const make = async (name: string): Promise<Uint8Array> => {
      const path = join(folder.path, name);
      await mustRun(["db5.3_load", "-T", "-t", type, "-f", input, path]);
      const original = await mustRun(["db5.3_dump", "-p", path]);
      const rewritten = changed(rewriteBerkeleyDatabase, await Bun.file(path).bytes());
      await writeFile(path, rewritten);
      expect(await mustRun(["db5.3_dump", "-p", path])).toBe(original);
      return rewritten;
    };
    expect(await make("one.db")).toEqual(await make("two.db"));
  });
});
