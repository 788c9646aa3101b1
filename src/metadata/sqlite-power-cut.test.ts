import { expect, it } from "bun:test";
import { join } from "node:path";
import { REPOSITORY, sampleBlob } from "../../test/contracts/metadata-store-samples.ts";
import { canTrace, readTrace, TracedDisk, traced } from "../../test/support/disk-trace.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const WRITER = join(import.meta.dir, "../../test/support/programs/metadata-writer.ts");

/** Enough for several checkpoints, and for a restart of the log. */
const BLOBS = 1500;
/** Number of calls between two power cuts. It is prime, so that the cuts do not always hit the same kind of call. */
const CALLS_BETWEEN_CUTS = 997;

/** Opens the files that a power cut left, and expects everything that was acknowledged before it. */
async function expectAcknowledged(folder: string, seeds: readonly string[]): Promise<void> {
  await using store = await openMetadataStore(await openSqliteEngine(join(folder, "metadata.db")));
  const found = await Promise.all(
    seeds.map((seed) => store.links.findLinkedBlob(REPOSITORY, sampleBlob(seed).digest)),
  );
  expect(seeds.filter((_, index) => found[index] === undefined)).toEqual([]);
}

/** Fair coin tosses, the same in every run. */
function coin(): () => boolean {
  let state = 12_345;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >= 2 ** 31;
  };
}

describeWith("strace", await canTrace(), "strace is not installed or may not trace", () => {
  it("keeps every acknowledged commit after a power cut at any moment, whatever else was written", async () => {
    await using folder = await temporaryFolder("power-cut");
    const [log, files] = [join(folder.path, "calls"), join(folder.path, "files")];
    const writer = [process.execPath, WRITER, join(files, "metadata.db"), "blob ", `${BLOBS}`];
    const run = Bun.spawn([...traced(writer, log)], { stdout: "ignore", stderr: "inherit" });
    expect(await run.exited).toBe(0);

    const disk = new TracedDisk();
    const acknowledged: string[] = [];
    const toss = coin();
    let calls = 0;
    let cuts = 0;
    for await (const call of readTrace(log)) {
      if (call.path.startsWith(`${files}/metadata.db`) && !call.path.endsWith("-shm")) disk.apply(call);
      else if (call.call === "write") acknowledged.push(...seedsIn(call.bytes));
      calls += 1;
      if (calls % CALLS_BETWEEN_CUTS > 0) continue;
      for (const survives of [() => false, toss]) {
        const after = join(folder.path, `cut-${cuts}`);
        cuts += 1;
        await disk.cutPower(after, survives);
        await expectAcknowledged(after, acknowledged);
      }
    }
    expect(acknowledged).toHaveLength(BLOBS);
    expect(cuts).toBeGreaterThan(20);
  }, 120_000);
});

function seedsIn(bytes: Uint8Array): readonly string[] {
  const text = new TextDecoder().decode(bytes);
  return /^(blob \d+\n)+$/.test(text) ? text.trimEnd().split("\n") : [];
}
