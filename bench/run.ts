// `npm run bench`: the hot path, side by side with nginx and other registries, as ratios. See USAGE in options.ts.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchContent, createBlob, createContent, MIB, publish } from "./content.ts";
import { measureDownload } from "./measures/download.ts";
import { measurePush, measurePushBaselines } from "./measures/push.ts";
import { measureRequests } from "./measures/requests.ts";
import { measureUploadMemory } from "./measures/upload-memory.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { machineFacts } from "./report/machine-facts.ts";
import { renderReport } from "./report/render-report.ts";
import { Samples } from "./samples.ts";
import { findProgram, findServers } from "./servers/available-servers.ts";
import type { BenchServer } from "./servers/bench-server.ts";

const WARM_UP_SECONDS = 1;

const options = parseOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else await bench(options);

async function bench(options: BenchOptions): Promise<void> {
  for (const program of ["wrk", "curl"]) {
    if (findProgram(program) === undefined)
      throw new Error(`${program} is needed: apt-get install ${program}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  try {
    const { starters, missing } = findServers(options.beside);
    await using stack = new AsyncDisposableStack();
    const servers: BenchServer[] = [];
    const content = await createContent(folder, options.largeBlobMib);
    for (const [index, start] of starters.entries()) {
      const serverFolder = join(folder, String(index));
      await mkdir(serverFolder);
      const server = stack.use(await start(serverFolder));
      progress(`${server.name} ${server.version} at ${server.origin}`);
      await publish(server, serverFolder, content);
      servers.push(server);
    }
    const facts = machineFacts(servers, folder);
    const samples = await measure(options, folder, servers, content);
    const report = renderReport(samples, {
      options,
      facts,
      missing,
      servers: servers.map(({ name }) => name),
    });
    console.log(report);
    if (options.write !== undefined) await Bun.write(options.write, report);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  options: BenchOptions,
  folder: string,
  servers: readonly BenchServer[],
  content: BenchContent,
): Promise<Samples> {
  const samples = new Samples();
  const registries = servers.filter(({ isRegistry }) => isRegistry);
  for (const server of servers) await measureRequests(server, content, WARM_UP_SECONDS, new Samples());
  for (let round = 1; round <= options.rounds; round += 1) {
    progress(`round ${round} of ${options.rounds}: requests`);
    // The first server of a round is slower: the disk still writes what the last round pushed.
    const inTurn = round % 2 === 0 ? servers.toReversed() : servers;
    for (const server of inTurn) await measureRequests(server, content, options.seconds, samples);
    progress(`round ${round} of ${options.rounds}: large blob`);
    for (const server of servers) await measureDownload(server, content, samples);
    const blob = await createBlob(join(folder, "pushed"), options.largeBlobMib * MIB);
    await measurePushBaselines(blob, folder, samples);
    for (const server of registries) await measurePush(server, blob, samples);
  }
  const blob = await createBlob(join(folder, "pushed"), options.uploadMib * MIB);
  for (const server of registries) {
    progress(`${server.name}: ${options.uploads} uploads of ${options.uploadMib} MiB at once`);
    await measureUploadMemory(server, blob, options.uploads, samples);
  }
  return samples;
}

function progress(line: string): void {
  console.error(`bench: ${line}`);
}
