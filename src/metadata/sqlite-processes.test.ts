import { expect, it } from "bun:test";
import { join } from "node:path";
import { linkSample, REPOSITORY, sampleBlob } from "../../test/contracts/metadata-store-samples.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { MetadataStore } from "./ports/metadata-store.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

const WRITER = join(import.meta.dir, "../../test/support/programs/metadata-writer.ts");

function startWriter(file: string, prefix: string, count: number) {
  return Bun.spawn([process.execPath, WRITER, file, prefix, `${count}`], {
    stdout: "pipe",
    stderr: "inherit",
  });
}

/** The seeds in `output`, without a last line that was cut off. */
function seedsIn(output: string): readonly string[] {
  return output.split("\n").slice(0, -1);
}

async function expectLinked(store: MetadataStore, seeds: readonly string[]): Promise<void> {
  for (const seed of seeds) {
    expect(await store.links.findLinkedBlob(REPOSITORY, sampleBlob(seed).digest)).toEqual(sampleBlob(seed));
  }
}

it("keeps every acknowledged commit when the process is killed while writing", async () => {
  await using folder = await temporaryFolder("sqlite-kill");
  const file = join(folder.path, "metadata.db");
  for (let round = 0; round < 3; round += 1) {
    const writer = startWriter(file, `round ${round} `, 0);
    let output = "";
    for await (const chunk of writer.stdout.pipeThrough(new TextDecoderStream())) {
      output += chunk;
      if (seedsIn(output).length >= 20 + 50 * round) writer.kill("SIGKILL");
    }
    await writer.exited;
    await using store = await openMetadataStore(await openSqliteEngine(file));
    await expectLinked(store, seedsIn(output));
  }
}, 60_000);

it("lets several processes write one file, and shows each what the others did", async () => {
  await using folder = await temporaryFolder("sqlite-processes");
  const file = join(folder.path, "metadata.db");
  // Both also create and migrate the file at once.
  const writers = ["a", "b"].map((prefix) => startWriter(file, prefix, 150));
  await using store = await openMetadataStore(await openSqliteEngine(file));
  for (let number = 0; number < 50; number += 1) await linkSample(store, `own ${number}`);
  const outputs = await Promise.all(writers.map((writer) => new Response(writer.stdout).text()));
  expect(await Promise.all(writers.map((writer) => writer.exited))).toEqual([0, 0]);
  for (const output of outputs) {
    expect(seedsIn(output)).toHaveLength(150);
    await expectLinked(store, seedsIn(output));
  }
}, 60_000);
