import { describe, expect, it } from "bun:test";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../../test/support/command.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { USTAR_END, type UstarEntry, ustarHeader, ustarPadding } from "./ustar-writer.ts";

function file(path: string, sizeBytes = 0): UstarEntry {
  return { path: Buffer.from(path), kind: "file", mode: 0o444, sizeBytes };
}

/** GNU tar's listing of an archive, one line for each entry. */
async function listed(folder: string, ...parts: readonly Uint8Array[]): Promise<readonly string[]> {
  const archive = join(folder, "archive.tar");
  await Bun.write(archive, Buffer.concat([...parts, USTAR_END]));
  const options = [
    "--list",
    "--verbose",
    "--numeric-owner",
    "--utc",
    "--full-time",
    "--quoting-style=escape",
  ];
  return (await mustRun(["tar", ...options, "--file", archive])).trimEnd().split("\n");
}

describe("a header", () => {
  it("is one block, unless a name or a link is too long for it", () => {
    const short = "a".repeat(100);
    const split = `${"b".repeat(155)}/${short}`;
    const tooLong = `${"b".repeat(156)}/${short}`;
    expect(ustarHeader(file(short)).byteLength).toBe(512);
    expect(ustarHeader(file(split)).byteLength).toBe(512);
    expect(ustarHeader(file(tooLong)).byteLength).toBe(3 * 512);
    expect(ustarHeader(file("c".repeat(101))).byteLength).toBe(3 * 512);
    const link = { path: Buffer.from("l"), kind: "link", mode: 0o777 } as const;
    expect(ustarHeader({ ...link, target: Buffer.from(short) }).byteLength).toBe(512);
    expect(ustarHeader({ ...link, target: Buffer.from(`${short}a`) }).byteLength).toBe(3 * 512);
  });

  it("pads to whole blocks", () => {
    expect([0, 1, 511, 512, 513].map(ustarPadding)).toEqual([0, 511, 1, 0, 511]);
  });
});

describeWith("GNU tar", installed("tar"), "no tar", () => {
  it("reads type, mode, owner, time and size", async () => {
    await using folder = await temporaryFolder("ustar");
    const lines = await listed(
      folder.path,
      ustarHeader({ path: Buffer.from("nix"), kind: "directory", mode: 0o755 }),
      ustarHeader(file("nix/f", 512)),
      new Uint8Array(512),
      ustarHeader({ path: Buffer.from("nix/l"), kind: "link", mode: 0o777, target: Buffer.from("f") }),
    );
    expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "drwxr-xr-x 0/0 0 1970-01-01 00:00:01 nix/",
      "-r--r--r-- 0/0 512 1970-01-01 00:00:01 nix/f",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00:01 nix/l -> f",
    ]);
  });

  it("reads a size of more than 8 GiB", async () => {
    await using folder = await temporaryFolder("ustar");
    const archive = join(folder.path, "archive.tar");
    for (const size of [8 * 2 ** 30 - 1, 8 * 2 ** 30, 9 * 2 ** 30 + 5]) {
      const header = ustarHeader(file("large", size));
      await Bun.write(archive, header);
      // Extend the file: the content and the end of the archive are then zeros.
      await truncate(archive, header.byteLength + size + ustarPadding(size) + USTAR_END.byteLength);
      expect(await mustRun(["tar", "--list", "--verbose", "--file", archive])).toContain(` ${size} `);
    }
  });

  it("reads names of any length", async () => {
    await using folder = await temporaryFolder("ustar");
    const name = fc.string({ unit: fc.constantFrom("a", "b", "ä"), minLength: 1, maxLength: 120 });
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    const entries = fc.array(fc.tuple(path, fc.constantFrom("file", "directory", "link")), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(entries, async (wanted) => {
        const parts = wanted.map(([text, kind]) => {
          const entry = { path: Buffer.from(text), kind: kind as UstarEntry["kind"], mode: 0o755 };
          return ustarHeader(kind === "link" ? { ...entry, target: Buffer.from(text) } : entry);
        });
        await Bun.write(join(folder.path, "archive.tar"), Buffer.concat([...parts, USTAR_END]));
        const names = await mustRun([
          ...["tar", "--list", "--quoting-style=literal", "--file"],
          join(folder.path, "archive.tar"),
        ]);
        expect(names).toBe(
          wanted.map(([text, kind]) => `${text}${kind === "directory" ? "/" : ""}\n`).join(""),
        );
      }),
      { numRuns: 30 },
    );
  });
});
