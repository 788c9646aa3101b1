import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import type { BenchServer } from "./bench-server.ts";
import { launch, outputOf } from "./launch.ts";

/** Starts zot on its filesystem storage, with syncs like the others, and without background work. */
export async function startZot(program: string, folder: string): Promise<BenchServer> {
  const port = await freePort();
  const configuration = join(folder, "config.json");
  await Bun.write(
    configuration,
    JSON.stringify({
      storage: { rootDirectory: join(folder, "data"), dedupe: false, gc: false, commit: true },
      http: { address: "127.0.0.1", port: String(port) },
      log: { level: "error" },
    }),
  );
  return launch({
    name: "zot",
    version: /(\d+\.\d+\.\d+[^\s"]*)/.exec(outputOf(program, "--version"))?.[1] ?? "unknown",
    port,
    isRegistry: true,
    command: [program, "serve", configuration],
    folder,
  });
}
