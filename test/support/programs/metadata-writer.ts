/**
 * Links blobs into one repository of the given SQLite file, four at a time, and prints the seed of each once it is
 * acknowledged. Ends after COUNT blobs, or never for 0.
 *
 * bun metadata-writer.ts FILE PREFIX COUNT
 */
import { openMetadataStore } from "../../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../../src/metadata/sqlite-engine.ts";
import { linkSample } from "../../contracts/metadata-store-samples.ts";

const [file = "", prefix = "", count = "0"] = process.argv.slice(2);
const store = await openMetadataStore(await openSqliteEngine(file));
let number = 0;
const lanes = Array.from({ length: 4 }, async () => {
  while (count === "0" || number < Number(count)) {
    const seed = `${prefix}${number}`;
    number += 1;
    await linkSample(store, seed);
    process.stdout.write(`${seed}\n`);
  }
});
await Promise.all(lanes);
await store[Symbol.asyncDispose]();
