import { describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { describeWith } from "../../test/support/requirements.ts";
import { canMount, smallFileSystem } from "../../test/support/small-file-system.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { ArchiveSpool, SpoolRoom } from "./archive-spool.ts";

const KIB = 1024;

async function write(spool: ArchiveSpool, blocks: readonly Uint8Array[]): Promise<void> {
  // The writer has one buffer for all blocks.
  const buffer = new Uint8Array(4 * KIB);
  for (const block of blocks) {
    buffer.set(block);
    await spool.put(buffer.subarray(0, block.byteLength));
    buffer.fill(0);
  }
  spool.end();
}

async function read(spool: ArchiveSpool, before: () => Promise<void> = async () => {}): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const block of spool.blocks()) {
    copies.push(Buffer.from(block));
    await before();
  }
  return Buffer.concat(copies);
}

/** Whether something happens without anything else happening first. */
async function happens(what: Promise<unknown>): Promise<boolean> {
  let has = false;
  what.then(
    () => {
      has = true;
    },
    () => {
      has = true;
    },
  );
  for (let turn = 0; turn < 50; turn += 1) await setImmediate();
  return has;
}

describe("an archive that waits to be compressed", () => {
  it("comes out as it went in, whichever side is slower, in much or little room", async () => {
    await using folder = await temporaryFolder("spool");
    const sizes = fc.array(fc.integer({ min: 1, max: 4 * KIB }), { maxLength: 30 });
    const turns = fc.array(fc.nat({ max: 5 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        turns,
        fc.nat({ max: 40 * KIB }),
        fc.boolean(),
        async (given, pauses, maxBytes, lags) => {
          const room = new SpoolRoom({ folder: folder.path, maxBytes });
          const blocks = given.map((size) => randomBytes(size));
          let step = 0;
          const pause = async () => {
            for (let left = pauses[step++ % pauses.length] ?? 0; left > 0; left -= 1) await setImmediate();
          };
          let isWritten = false;
          await using spool = new ArchiveSpool(room, () => lags && !isWritten);
          const writing = write(spool, blocks).then(() => {
            isWritten = true;
            room.tellAll();
          });
          const [, made] = await Promise.all([writing, read(spool, pause)]);
          expect(made).toEqual(Buffer.concat(blocks));
          await spool[Symbol.asyncDispose]();
          expect(room.tryTake(maxBytes)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("is written without a reader as long as there is room", async () => {
    await using folder = await temporaryFolder("spool");
    const room = new SpoolRoom({ folder: folder.path, maxBytes: 3 * KIB });
    await using spool = new ArchiveSpool(room);
    const block = randomBytes(KIB);
    for (let count = 0; count < 3; count += 1) await spool.put(block);
    const fourth = spool.put(block);
    expect(await happens(fourth)).toBe(false);
    const reading = read(spool);
    await fourth;
    spool.end();
    expect((await reading).byteLength).toBe(4 * KIB);
  });

  it("waits for its reader while others have all the room", async () => {
    await using folder = await temporaryFolder("spool");
    const room = new SpoolRoom({ folder: folder.path, maxBytes: KIB });
    await using other = new ArchiveSpool(room);
    await other.put(randomBytes(KIB));
    await using spool = new ArchiveSpool(room);
    const blocks = [randomBytes(KIB), randomBytes(KIB)];
    const [, made] = await Promise.all([write(spool, blocks), read(spool)]);
    expect(made).toEqual(Buffer.concat(blocks));
    const waiting = spool.put(randomBytes(KIB));
    expect(await happens(waiting)).toBe(false);
    await other[Symbol.asyncDispose]();
    await waiting;
  });

  it("waits for more than its reader where that shall let it wait, as long as there is room", async () => {
    await using folder = await temporaryFolder("spool");
    const room = new SpoolRoom({ folder: folder.path, maxBytes: KIB });
    let mayWait = true;
    await using spool = new ArchiveSpool(room, () => mayWait);
    const blocks = [randomBytes(KIB), randomBytes(KIB), randomBytes(KIB / 2)];
    let count = 0;
    const reading = read(spool, async () => {
      count += 1;
    });
    await spool.put(blocks[0] as Buffer);
    expect(await happens(reading)).toBe(false);
    expect(count).toBe(0);
    // Nothing else would make room.
    await spool.put(blocks[1] as Buffer);
    expect(count).toBeGreaterThan(0);
    await using other = new ArchiveSpool(room, () => mayWait);
    const otherReading = read(other);
    spool.end();
    other.end();
    mayWait = false;
    room.tellAll();
    expect(await otherReading).toEqual(Buffer.alloc(0));
    expect(await reading).toEqual(Buffer.concat(blocks.slice(0, 2)));
  });

  it("needs no file, though its reader might let it wait: where none can be made, it waits for its reader", async () => {
    await using folder = await temporaryFolder("spool");
    const path = join(folder.path, "file");
    await writeFile(path, "");
    const room = new SpoolRoom({ folder: path, maxBytes: 1 << 20 });
    let isWritten = false;
    await using spool = new ArchiveSpool(room, () => !isWritten);
    const blocks = [randomBytes(KIB), randomBytes(KIB)];
    const writing = write(spool, blocks).then(() => {
      isWritten = true;
      room.tellAll();
    });
    expect(await happens(writing)).toBe(false);
    expect(await read(spool)).toEqual(Buffer.concat(blocks));
    await writing;
  });

  it("breaks for both sides, with the first error", async () => {
    await using folder = await temporaryFolder("spool");
    const room = new SpoolRoom({ folder: folder.path, maxBytes: KIB });
    await using spool = new ArchiveSpool(room);
    await spool.put(randomBytes(KIB));
    const waiting = spool.put(randomBytes(KIB));
    spool.fail(new Error("the first"));
    spool.fail(new Error("the second"));
    expect(await waiting.catch(String)).toBe("Error: the first");
    expect(await read(spool).catch(String)).toBe("Error: the first");
    await using idle = new ArchiveSpool(room);
    const reading = read(idle);
    idle.fail(new Error("it ended"));
    expect(await reading.catch(String)).toBe("Error: it ended");
  });

  it("gives back its room and its file when nobody needs it", async () => {
    await using folder = await temporaryFolder("spool");
    await writeFile(join(folder.path, "left-behind"), "");
    const room = new SpoolRoom({ folder: folder.path, maxBytes: KIB });
    const spool = new ArchiveSpool(room);
    await spool.put(randomBytes(KIB));
    expect(await readdir(folder.path)).toEqual([]);
    expect(room.tryTake(1)).toBe(false);
    await spool[Symbol.asyncDispose]();
    expect(room.tryTake(KIB)).toBe(true);
    await rm(folder.path, { recursive: true });
  });
});

describeWith("an archive on a small disk", canMount(), "root is needed", () => {
  it("waits in a file only while the disk has space for others too", async () => {
    await using disk = await smallFileSystem(1);
    const room = new SpoolRoom({ folder: disk.path, maxBytes: 256 * KIB });
    await using first = new ArchiveSpool(room);
    await first.put(randomBytes(KIB));
    expect(room.tryTake(256 * KIB)).toBe(false);
    disk.fill(511 * KIB);
    await using second = new ArchiveSpool(room);
    const block = randomBytes(KIB);
    const writing = write(second, [block]);
    expect(await happens(writing)).toBe(false);
    expect(await read(second)).toEqual(block);
    await writing;
  });
});
