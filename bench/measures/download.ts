import { type BenchContent, MIB, REPOSITORY } from "../content.ts";
import { cpuSeconds } from "../process-usage.ts";
import type { Samples } from "../samples.ts";
import type { BenchServer } from "../servers/bench-server.ts";

/** Processor seconds that a server spends per GiB of the large blob it sends. */
export const DOWNLOAD_CPU = "large blob GET, server CPU s/GiB";

// Enough to show small differences although the kernel counts processor time in hundredths of a second.
const TOTAL_MIB = 4096;

/** Fetches the large blob repeatedly over one connection, until 4 GiB have arrived. */
export async function measureDownload(
  server: BenchServer,
  content: BenchContent,
  samples: Samples,
): Promise<void> {
  const { digest, sizeBytes } = content.largeBlob;
  const url = `${server.origin}/v2/${REPOSITORY}/blobs/${digest}`;
  const times = Math.ceil((TOTAL_MIB * MIB) / sizeBytes);
  const before = cpuSeconds(server.processes());
  const targets = Array.from({ length: times }, () => ["-o", "/dev/null", url]).flat();
  const curl = Bun.spawn(["curl", "-sS", "--fail", "-w", "%{size_download}\n", ...targets], {
    stdout: "pipe",
  });
  const output = await curl.stdout.text();
  const received = output.split("\n").reduce((sum, line) => sum + Number(line), 0);
  if (received !== times * sizeBytes)
    throw new Error(`${url}: ${received} bytes came of ${times * sizeBytes}`);
  const used = cpuSeconds(server.processes()) - before;
  samples.add(DOWNLOAD_CPU, server.name, used / (received / (1024 * MIB)));
}
