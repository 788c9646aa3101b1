import { existsSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../random.ts";
import type { TestDescriptor } from "../registry-client.ts";
import { type ServerProcess, startServerProcess } from "../server-process.ts";
import { type CallEvent, readCalls, traced } from "./disk-calls.ts";
import { PushHistory } from "./push-history.ts";
import { PushClient } from "./push-load.ts";

/** What to record. */
export interface RecordingOptions {
  readonly seed: number;
  readonly clients: number;
  /** Requests of each client in each run of the server. */
  readonly steps: number;
  /** How each run of the server ends. */
  readonly ends: readonly ("SIGTERM" | "SIGKILL")[];
  readonly variables?: Readonly<Record<string, string>>;
  /** Pages in the metadata's log that start a checkpoint; by default as in production. */
  readonly checkpointPages?: number;
  /** Faults for strace to inject into the run with the same number, such as `fdatasync:error=EIO:when=9`. */
  readonly inject?: readonly (readonly string[])[];
}

/** The system calls of a server, in the order in which they began and ended, and what clients were told. */
export interface Recording {
  /** The folder in which the server made its data folder. */
  readonly disk: string;
  readonly events: readonly CallEvent[];
  readonly history: PushHistory;
}

const ROOT = join(import.meta.dir, "../../..");
/** What starts the server of this checkout. */
export const SERVER: readonly string[] = [process.execPath, join(ROOT, "src/cli/main.ts")];
/** Where the data folder is below the disk: the server makes both folders. */
export const DATA = "srv/data";

/** Runs a server under strace with clients that push, as often as `ends` says, always on the same data. */
export async function record(folder: string, options: RecordingOptions): Promise<Recording> {
  const disk = join(folder, "disk");
  await mkdir(disk, { recursive: true });
  const logs = options.ends.map((_, run) => join(folder, `calls-${run}`));
  const length = () => logs.reduce((sum, log) => sum + (existsSync(log) ? statSync(log).size : 0), 0);
  const history = new PushHistory(length);
  const random = new Random(options.seed);
  const shared: TestDescriptor[] = [];
  for (const [run, end] of options.ends.entries()) {
    const log = logs[run] as string;
    const program = traced(programOf(options), log, options.inject?.[run]);
    const server = await startServerProcess(join(disk, DATA), variablesOf(options), [], program);
    const clients = Array.from(
      { length: options.clients },
      (_, index) => new PushClient(`client-${run}-${index}`, server, history, random.fork(), shared),
    );
    await Promise.all(clients.map((client) => client.run(options.steps)));
    await endTraced(server, end);
  }
  const events: CallEvent[] = [];
  let before = 0;
  for (const log of logs) {
    for await (const event of readCalls(log)) {
      if (event.call.paths.some((path) => path.startsWith(`${disk}/`) || path === disk))
        events.push({ ...event, position: before + event.position });
    }
    before += statSync(log).size;
  }
  return { disk, events, history };
}

function programOf({ checkpointPages }: RecordingOptions): readonly string[] {
  if (checkpointPages === undefined) return SERVER;
  return [
    process.execPath,
    join(import.meta.dir, "../programs/small-checkpoints.ts"),
    String(checkpointPages),
  ];
}

function variablesOf({ variables }: RecordingOptions): Readonly<Record<string, string>> {
  return { SLIPWAY_BUILDER_ENABLED: "false", SLIPWAY_METADATA_RESERVE_BYTES: "0", ...variables };
}

/** Ends the server, not strace, which then ends by itself. A server that lost its storage has perhaps ended already. */
export async function endTraced(strace: ServerProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const children = `/proc/${strace.pid}/task/${strace.pid}/children`;
  const found = await Bun.file(children)
    .text()
    .catch(() => "");
  for (const child of found.trim().split(" ").filter(Boolean)) process.kill(Number(child), signal);
  await strace.exited;
}
