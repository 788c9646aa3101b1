// Runs a shell script in a sandbox, as a server would: `sandbox-stage.ts FOLDER TAR SCRIPT [MEMORY_BYTES]`. Prints
// each line of output as it comes, then, in a line of JSON, how it ended and the changes without their times.
import { readFileSync } from "node:fs";
import { openSandbox } from "../sandbox-tree.ts";

const [folder = "", tar = "", script = "", memory] = process.argv.slice(2);
const limits = memory === undefined ? {} : { memoryBytes: Number(memory) };
await using opened = await openSandbox(folder, readFileSync(tar));
const { end, changes } = await opened.shell(script, { limits, onLine: (line) => console.log(line) });
console.log(JSON.stringify({ end, changes: changes.map((entry) => ({ ...entry, modifiedAt: 0 })) }));
