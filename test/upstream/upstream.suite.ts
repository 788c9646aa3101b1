import { expect, it } from "bun:test";
import { join } from "node:path";

const FOLDER = join(import.meta.dir, "../../docs/upstream");

// When one of these fails, Bun has changed: read docs/upstream/README.md and remove the workaround.
it.concurrent.each([
  "resolved-url",
  "long-paths",
  "pipelining",
  "unknown-methods",
  "trailers",
  "stream-length",
  "file-ranges",
  "shortened-file",
])("Bun still behaves as docs/upstream/%s.ts says", async (name) => {
  const program = Bun.spawn([process.execPath, join(FOLDER, `${name}.ts`)], { stdout: "pipe" });
  const output = await new Response(program.stdout).text();
  expect({ output, status: await program.exited }).toEqual({ output, status: 0 });
});
