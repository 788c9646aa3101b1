import { join } from "node:path";
import { processTree } from "../process-usage.ts";
import type { BenchServer } from "./bench-server.ts";

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 15_000;

/** How to start one server. */
export interface LaunchPlan {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly isRegistry: boolean;
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The command's output goes to a file in this folder. */
  readonly folder: string;
  /** Whether the process started is only a launcher, to be left out of the measurements. */
  readonly hasLauncher?: boolean;
}

/** Starts a server and resolves when it answers over HTTP. */
export async function launch(plan: LaunchPlan): Promise<BenchServer> {
  const log = join(plan.folder, "output.log");
  const child = Bun.spawn([...plan.command], {
    env: { ...process.env, ...plan.environment },
    stdin: "ignore",
    stdout: Bun.file(log),
    stderr: Bun.file(log),
  });
  const origin = `http://127.0.0.1:${plan.port}`;
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await child.exited;
    clearTimeout(late);
  };
  try {
    await untilReady(`${origin}/v2/`, () => child.exitCode === null);
  } catch (error) {
    await stop();
    throw new Error(`${plan.name} did not start:\n${await Bun.file(log).text()}`, { cause: error });
  }
  return {
    name: plan.name,
    version: plan.version,
    origin,
    isRegistry: plan.isRegistry,
    processes: () => processTree(child.pid).filter((pid) => plan.hasLauncher !== true || pid !== child.pid),
    [Symbol.asyncDispose]: stop,
  };
}

async function untilReady(url: string, isRunning: () => boolean): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const answered = await fetch(url).then(
      () => true,
      () => false,
    );
    if (answered) return;
    if (!isRunning()) throw new Error("it ended");
    if (Date.now() > deadline) throw new Error(`no answer within ${READY_WITHIN_MS} ms`);
    await Bun.sleep(50);
  }
}

/** The trimmed output of a command, from both streams; empty if it cannot be run. */
export function outputOf(...command: readonly string[]): string {
  try {
    const { stdout, stderr } = Bun.spawnSync([...command]);
    return `${stdout.toString()}\n${stderr.toString()}`.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
