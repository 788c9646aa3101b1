import { cpus, release, totalmem } from "node:os";
import type { BenchServer } from "../servers/bench-server.ts";
import { outputOf } from "../servers/launch.ts";

/** Lines that say when, and on what machine, something was measured. */
export function hostFacts(folder: string): readonly string[] {
  const processors = cpus();
  const fileSystem = outputOf("stat", "-f", "-c", "%T", folder);
  return [
    `Date: ${new Date().toISOString().slice(0, 10)}`,
    `Processor: ${processors.length} x ${processors[0]?.model ?? "unknown"}, shared by servers and load`,
    `Memory: ${Math.round(totalmem() / 1024 ** 3)} GiB`,
    `System: Linux ${release()}, data on ${fileSystem}`,
  ];
}

/** Lines about the machine, the date and the measured servers. */
export function machineFacts(servers: readonly BenchServer[], folder: string): readonly string[] {
  return [
    ...hostFacts(folder),
    `Bun ${Bun.version}, ${/^wrk \S+/.exec(outputOf("wrk", "-v"))?.[0] ?? "wrk"}, ${/^curl \S+/.exec(outputOf("curl", "--version"))?.[0] ?? "curl"}`,
    `Servers: ${servers.map(({ name, version }) => `${name} ${version}`).join(", ")}`,
  ];
}
