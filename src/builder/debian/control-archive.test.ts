import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { installed, mustRun } from "../../../test/support/command.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { readControlArchive } from "./control-archive.ts";

setDefaultTimeout(60_000);

describeWith("the control archive of a package", installed("dpkg-deb"), "no dpkg", () => {
  let folder: TemporaryFolder;
  const pathOf = (name: string) => join(folder.path, name);

  /** Builds a package whose description has `length` characters; resolves to its path. */
  async function build(name: string, length: number, ...options: readonly string[]): Promise<string> {
    const tree = pathOf(`${name}.tree`);
    await mkdir(join(tree, "DEBIAN"), { recursive: true });
    const text = Array.from({ length: Math.ceil(length / 32) }, (_, index) =>
      Bun.hash(String(index)).toString(36),
    );
    const stanza = `Package: ${name}\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: ${text.join("")}\n`;
    await writeFile(join(tree, "DEBIAN/control"), stanza);
    const file = pathOf(`${name}.deb`);
    await mustRun(["dpkg-deb", "--build", "--root-owner-group", ...options, tree, file]);
    return file;
  }

  /** What dpkg-deb reads. */
  async function reference(file: string): Promise<Buffer> {
    return Buffer.from(await Bun.$`dpkg-deb --ctrl-tarfile ${file}`.quiet().arrayBuffer());
  }

  async function written(name: string, bytes: Uint8Array): Promise<string> {
    await writeFile(pathOf(name), bytes);
    return pathOf(name);
  }

  beforeAll(async () => {
    folder = await temporaryFolder("control-archive");
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  it.each(["none", "gzip", "xz", "zstd"])("is what dpkg-deb reads, compressed by %s", async (compressor) => {
    for (const length of [10, 400_000]) {
      const file = await build(`${compressor}-${length}`, length, `-Z${compressor}`, "--uniform-compression");
      const archive = await readControlArchive(file);
      expect(Buffer.from(archive ?? []).equals(await reference(file))).toBe(true);
    }
  });

  it("is left to dpkg-deb if it is large, or not where it usually is", async () => {
    const large = await build("large", 6_000_000, "-Znone");
    const packed = Buffer.from(await Bun.file(await build("usual", 10, "-Zxz")).bytes());
    const control = packed.subarray(132, packed.indexOf("data.tar"));
    const begin = packed.subarray(0, 72);
    const header = Buffer.from("control.tar.xz  0           0     0     100644  ");
    const files = {
      large: Buffer.concat([begin, header, Buffer.from("2000000   `\n"), new Uint8Array(2_000_000)]),
      other: Buffer.from(packed).fill("control.tar.lz4 ", 72, 88),
      extra: Buffer.concat([begin, Buffer.from("_extra          "), packed.subarray(88)]),
      version: Buffer.concat([Buffer.from("!<arch>\n"), packed.subarray(72)]),
      format: Buffer.from(packed).fill("!<thin>\n", 0, 8),
      size: Buffer.concat([begin, header, Buffer.from("          `\n"), control]),
      begun: packed.subarray(0, 100),
      empty: new Uint8Array(0),
    };
    expect(await readControlArchive(large)).toBeUndefined();
    for (const [name, bytes] of Object.entries(files))
      expect([name, await readControlArchive(await written(name, bytes))]).toEqual([name, undefined]);
    await expect(readControlArchive(pathOf("absent"))).rejects.toThrow("ENOENT");
  });

  it("is bounded, whatever it unpacks to", async () => {
    for (const compressor of ["gzip", "xz", "zstd"]) {
      const tree = pathOf(`zeros-${compressor}`);
      await mkdir(join(tree, "DEBIAN"), { recursive: true });
      const stanza =
        "Package: zeros\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.org>\nDescription: d\n";
      await writeFile(join(tree, "DEBIAN/control"), stanza);
      await writeFile(join(tree, "DEBIAN/md5sums"), new Uint8Array(8_000_000));
      const options = ["--root-owner-group", `-Z${compressor}`, "--uniform-compression"];
      await mustRun(["dpkg-deb", "--build", ...options, tree, `${tree}.deb`]);
      expect((await Bun.file(`${tree}.deb`).bytes()).byteLength).toBeLessThan(100_000);
      expect(await readControlArchive(`${tree}.deb`)).toBeUndefined();
    }
    expect(await readControlArchive(await build("after", 10, "-Zxz"))).toBeDefined();
  });

  it("is what was packed, or is left to dpkg-deb, where a byte has changed or the end is missing", async () => {
    const file = await build("damaged", 3000, "-Zxz");
    const whole = await reference(file);
    const packed = await Bun.file(file).bytes();
    const end = 132 + Number(Buffer.from(packed).toString("latin1", 120, 130));
    const damage = fc.record({
      at: fc.nat(end - 1),
      mask: fc.integer({ min: 1, max: 255 }),
      cut: fc.boolean(),
    });
    const property = fc.asyncProperty(damage, async ({ at, mask, cut }) => {
      const bytes = Uint8Array.from(cut ? packed.subarray(0, at) : packed);
      if (!cut) bytes[at] = (bytes[at] ?? 0) ^ mask;
      const archive = await readControlArchive(await written("damaged.deb", bytes));
      if (cut || at >= 132) expect(archive).toBeUndefined();
      else if (archive !== undefined) expect(whole.equals(archive)).toBe(true);
    });
    await fc.assert(property, { numRuns: 300 });
  });
});
