import { join } from "node:path";
import { MediaType } from "../../src/oci/media-types.ts";
import { type BenchContent, REPOSITORY, TAG } from "../content.ts";
import type { Samples } from "../samples.ts";
import type { BenchServer } from "../servers/bench-server.ts";

const CONNECTIONS = 32;
const THREADS = 2;

/** Kinds of small requests; figures are requests per second. */
export const REQUEST_MEASURES = {
  manifestByTag: "manifest GET by tag",
  manifestByDigest: "manifest GET by digest",
  blobHead: "blob HEAD",
  smallBlob: "16 KB blob GET",
} as const;

/** Loads one server with each kind of request in turn. */
export async function measureRequests(
  server: BenchServer,
  content: BenchContent,
  seconds: number,
  samples: Samples,
): Promise<void> {
  const base = `${server.origin}/v2/${REPOSITORY}`;
  const blob = `${base}/blobs/${content.smallBlobs[0]?.digest}`;
  const kinds = [
    [REQUEST_MEASURES.manifestByTag, `${base}/manifests/${TAG}`, loadWithGet],
    [REQUEST_MEASURES.manifestByDigest, `${base}/manifests/${content.manifest.digest}`, loadWithGet],
    [REQUEST_MEASURES.smallBlob, blob, loadWithGet],
    [REQUEST_MEASURES.blobHead, blob, loadWithHead],
  ] as const;
  for (const [measure, url, load] of kinds) samples.add(measure, server.name, await load(url, seconds));
}

async function loadWithGet(url: string, seconds: number): Promise<number> {
  const accept = ["-H", `Accept: ${MediaType.ociManifest}`];
  const output = await run([
    "wrk",
    `-t${THREADS}`,
    `-c${CONNECTIONS}`,
    `-d${seconds}s`,
    "--latency",
    ...accept,
    url,
  ]);
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(output)?.[1];
  if (rate === undefined || /Non-2xx|Socket errors/.test(output)) throw new Error(`${url}: ${output}`);
  return Number(rate);
}

async function loadWithHead(url: string, seconds: number): Promise<number> {
  const program = join(import.meta.dir, "../head-load.ts");
  return Number(await run([process.execPath, program, url, String(CONNECTIONS), String(seconds)]));
}

async function run(command: readonly string[]): Promise<string> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe" });
  const [output, complaint, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${complaint}`);
  return output;
}
