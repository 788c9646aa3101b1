import { describe, expect, it } from "bun:test";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../test/support/command.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { TAR_END, type TarEntryHead, tarHeader, tarPadding } from "./tar-header.ts";

const ROOTS = { userId: 0, groupId: 0, modifiedAtSeconds: 1 } as const;

function file(path: string, sizeBytes = 0): TarEntryHead {
  return { ...ROOTS, path: Buffer.from(path), type: "file", mode: 0o444, sizeBytes };
}

/** GNU tar's listing of an archive, one line for each entry. */
async function listed(folder: string, ...parts: readonly Uint8Array[]): Promise<readonly string[]> {
  const archive = join(folder, "archive.tar");
  await Bun.write(archive, Buffer.concat([...parts, TAR_END]));
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
    expect(tarHeader(file(short)).byteLength).toBe(512);
    expect(tarHeader(file(split)).byteLength).toBe(512);
    expect(tarHeader(file(tooLong)).byteLength).toBe(3 * 512);
    expect(tarHeader(file("c".repeat(101))).byteLength).toBe(3 * 512);
    const link = { ...ROOTS, path: Buffer.from("l"), type: "symlink", mode: 0o777 } as const;
    expect(tarHeader({ ...link, linkTarget: Buffer.from(short) }).byteLength).toBe(512);
    expect(tarHeader({ ...link, linkTarget: Buffer.from(`${short}a`) }).byteLength).toBe(3 * 512);
  });

  it("pads to whole blocks", () => {
    expect([0, 1, 511, 512, 513].map(tarPadding)).toEqual([0, 511, 1, 0, 511]);
  });
});

describeWith("GNU tar", installed("tar"), "no tar", () => {
  it("reads type, mode, owner, time and size", async () => {
    await using folder = await temporaryFolder("tar");
    const lines = await listed(
      folder.path,
      tarHeader({ ...ROOTS, path: Buffer.from("nix"), type: "directory", mode: 0o755 }),
      tarHeader(file("nix/f", 512)),
      new Uint8Array(512),
      tarHeader({
        ...ROOTS,
        path: Buffer.from("nix/l"),
        type: "symlink",
        mode: 0o777,
        linkTarget: Buffer.from("f"),
      }),
      tarHeader({
        path: Buffer.from("d"),
        type: "character-device",
        mode: 0o4660,
        userId: 0o7777777,
        groupId: 70_000_000,
        modifiedAtSeconds: 1_700_000_000,
        device: { major: 1, minor: 3 },
      }),
      tarHeader({ ...file("h"), type: "link", linkTarget: Buffer.from("nix/f"), mode: 0o644 }),
      tarHeader({ ...file("p"), type: "fifo", mode: 0o600 }),
    );
    expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "drwxr-xr-x 0/0 0 1970-01-01 00:00:01 nix/",
      "-r--r--r-- 0/0 512 1970-01-01 00:00:01 nix/f",
      "lrwxrwxrwx 0/0 0 1970-01-01 00:00:01 nix/l -> f",
      "crwSrw---- 2097151/70000000 1,3 2023-11-14 22:13:20 d",
      "hrw-r--r-- 0/0 0 1970-01-01 00:00:01 h link to nix/f",
      "prw------- 0/0 0 1970-01-01 00:00:01 p",
    ]);
  });

  it("reads a size of more than 8 GiB", async () => {
    await using folder = await temporaryFolder("tar");
    const archive = join(folder.path, "archive.tar");
    for (const size of [8 * 2 ** 30 - 1, 8 * 2 ** 30, 9 * 2 ** 30 + 5]) {
      const header = tarHeader(file("large", size));
      await Bun.write(archive, header);
      // Extend the file: the content and the end of the archive are then zeros.
      await truncate(archive, header.byteLength + size + tarPadding(size) + TAR_END.byteLength);
      expect(await mustRun(["tar", "--list", "--verbose", "--file", archive])).toContain(` ${size} `);
    }
  });

  it("reads names of any length", async () => {
    await using folder = await temporaryFolder("tar");
    const name = fc.string({ unit: fc.constantFrom("a", "b", "ä"), minLength: 1, maxLength: 120 });
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    const entries = fc.array(fc.tuple(path, fc.constantFrom("file", "directory", "symlink")), {
      maxLength: 20,
    });
    await fc.assert(
      fc.asyncProperty(entries, async (wanted) => {
        const parts = wanted.map(([text, kind]) => {
          const entry = {
            ...ROOTS,
            path: Buffer.from(text),
            type: kind as TarEntryHead["type"],
            mode: 0o755,
          };
          return tarHeader(kind === "symlink" ? { ...entry, linkTarget: Buffer.from(text) } : entry);
        });
        await Bun.write(join(folder.path, "archive.tar"), Buffer.concat([...parts, TAR_END]));
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

describeWith("Python", installed("python3"), "no python3", () => {
  it("gives a file its capabilities, whatever bytes they are", async () => {
    await using folder = await temporaryFolder("tar");
    const archive = join(folder.path, "archive.tar");
    const capability = Uint8Array.from([1, 0, 0, 2, 0x80, 0x20, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0, 0, 0, 0]);
    await Bun.write(archive, Buffer.concat([tarHeader({ ...file("f"), capability }), TAR_END]));
    const read =
      "import sys, tarfile; m = tarfile.open(sys.argv[1]).getmembers()[0]; " +
      "print(m.pax_headers['SCHILY.xattr.security.capability'].encode('utf-8', 'surrogateescape').hex())";
    expect((await mustRun(["python3", "-c", read, archive])).trim()).toBe(
      Buffer.from(capability).toString("hex"),
    );
  });
});
