import { expect, it } from "bun:test";
import fc from "fast-check";
import { installed, mustRun } from "../../../test/support/command.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { type ArchiveEntry, archiveOf } from "./archive-writer.ts";
import type { EntryType } from "./tar-header.ts";
import { streamedEntries, tarEntries } from "./tar-reader.ts";

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function bytesOf(archive: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

const FILE = { type: "file", mode: 0o644, userId: 0, groupId: 0, modifiedAt: new Date(0) } as const;
const name = fc
  .uint8Array({ minLength: 1, maxLength: 300 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte))));
const entry = fc.record({
  path: name,
  type: fc.constantFrom<EntryType>("file", "directory", "symlink", "link", "fifo"),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  userId: fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.integer({ min: 3_000_000, max: 2 ** 31 })),
  groupId: fc.integer({ min: 0, max: 70_000 }),
  modifiedAt: fc.integer({ min: 0, max: 2 ** 33 - 1 }).map((seconds) => new Date(seconds * 1000)),
  content: fc.uint8Array({ maxLength: 2000 }),
  capability: fc.option(fc.uint8Array({ minLength: 20, maxLength: 20 }), { nil: undefined }),
});

it("is read as it was written, whatever the sizes of the pieces, and with content left out", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { maxLength: 8 }),
      fc.integer({ min: 1, max: 5000 }),
      async (entries, size) => {
        const archive = archiveOf(async (writer) => {
          for (const { content, capability, ...one } of entries) {
            const hasTarget = one.type === "link" || one.type === "symlink";
            const full: ArchiveEntry = { ...one, linkTarget: hasTarget ? one.path : undefined };
            if (one.type === "file") await writer.writeBytes({ ...full, capability }, content);
            else await writer.writeEmpty(full);
          }
        });
        let index = 0;
        for await (const found of streamedEntries(chunksOf(await bytesOf(archive), size))) {
          const wanted = entries[index] as (typeof entries)[number];
          const path = wanted.path.toString("latin1");
          expect(found).toMatchObject({
            path: wanted.type === "directory" ? `${path}/` : path,
            mode: wanted.mode,
            userId: wanted.userId,
            groupId: wanted.groupId,
            modifiedAt: wanted.modifiedAt.getTime() / 1000,
          });
          expect(found.type).toBe(wanted.type);
          if (wanted.type === "link" || wanted.type === "symlink") expect(found.linkTarget).toBe(path);
          if (wanted.type === "file") {
            expect(found.capability && [...found.capability]).toEqual(
              wanted.capability && [...wanted.capability],
            );
            if (index % 3 !== 1) expect([...(await bytesOf(found.content))]).toEqual([...wanted.content]);
          }
          index += 1;
        }
        expect(index).toBe(entries.length);
      },
    ),
  );
});

it("goes on after content that was left in the middle", async () => {
  const archive = archiveOf(async (writer) => {
    await writer.writeBytes({ ...FILE, path: "a" }, new Uint8Array(3000));
    await writer.writeBytes({ ...FILE, path: "b" }, Buffer.from("b"));
  });
  const paths: string[] = [];
  for await (const one of streamedEntries(chunksOf(await bytesOf(archive), 700))) {
    paths.push(one.path);
    for await (const _ of one.content) break;
  }
  expect(paths).toEqual(["a", "b"]);
});

it("fails for an archive that is cut short, or whose headers are damaged", async () => {
  const written = await bytesOf(
    archiveOf((writer) => writer.writeBytes({ ...FILE, path: "a" }, new Uint8Array(600))),
  );
  const readAll = async (bytes: Uint8Array) => {
    for await (const { content } of streamedEntries(chunksOf(bytes, 512))) await bytesOf(content);
  };
  await readAll(written);
  for (const length of [0, 100, 512, 1000, 1536]) {
    await expect(readAll(written.subarray(0, length))).rejects.toThrow("ends early");
  }
  const damaged = Buffer.from(written);
  damaged[3] = 1;
  await expect(readAll(damaged)).rejects.toThrow("damaged");
});

describeWith("an archive of GNU tar", installed("tar"), "no tar", () => {
  it.each(["gnu", "pax"])("is read, with its long names: %s", async (format) => {
    await using folder = await temporaryFolder("tar-reader");
    const long = `${"d".repeat(90)}/${"f".repeat(120)}`;
    await Bun.write(`${folder.path}/tree/${long}`, "text");
    await mustRun(["ln", "-s", "x".repeat(150), `${folder.path}/tree/link`]);
    const file = `${folder.path}/${format}.tar`;
    await mustRun(["tar", `--format=${format}`, "-C", `${folder.path}/tree`, "-cf", file, "."]);
    const bytes = await Bun.file(file).bytes();
    const found = new Map<string, string>();
    for await (const one of streamedEntries(chunksOf(bytes, 999)))
      found.set(one.path, `${one.linkTarget}${await bytesOf(one.content)}`);
    expect([found.get(`./${long}`), found.get("./link")]).toEqual(["text", "x".repeat(150)]);
    let at = 0;
    const take = (size: number) => {
      at += size;
      return bytes.subarray(at - size, at);
    };
    const [first] = tarEntries({ take });
    expect(first?.path).toBe("./");
  });
});
