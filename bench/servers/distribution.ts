import { join } from "node:path";
import { freePort } from "../../test/support/free-port.ts";
import type { BenchServer } from "./bench-server.ts";
import { launch, outputOf } from "./launch.ts";

/** Starts a registry of the Distribution project, of any major version: filesystem storage, descriptors cached in memory. */
export async function startDistribution(name: string, program: string, folder: string): Promise<BenchServer> {
  const port = await freePort();
  const configuration = join(folder, "config.yml");
  await Bun.write(
    configuration,
    `version: 0.1
log:
  level: error
  accesslog: { disabled: true }
storage:
  filesystem: { rootdirectory: ${JSON.stringify(join(folder, "data"))} }
  delete: { enabled: true }
  cache: { blobdescriptor: inmemory }
http:
  addr: 127.0.0.1:${port}
`,
  );
  return launch({
    name,
    version: distributionVersion(program),
    port,
    isRegistry: true,
    command: [program, "serve", configuration],
    environment: { OTEL_TRACES_EXPORTER: "none" },
    folder,
  });
}

/** The version that the program prints; for one built from its Go module, the module's version. */
function distributionVersion(program: string): string {
  const own = /(\d+\.\d+\.\d+\S*)/.exec(outputOf(program, "--version"))?.[1];
  const module = /\smod\s+github\.com\/distribution\/distribution\/v3\s+v(\S+)/;
  const dependency = /\sdep\s+github\.com\/distribution\/distribution\/v3\s+v(\S+)/;
  const build = outputOf("go", "version", "-m", program);
  const found = own ?? (module.exec(build) ?? dependency.exec(build))?.[1] ?? "unknown";
  return found.replace("+unknown", "");
}
