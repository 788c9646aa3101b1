import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** How a process is started, and where what it leaves goes. */
export interface ServiceCommand {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly pidFile: string;
  readonly logFile: string;
}

/** Milliseconds that a process has to end by itself. */
export const STOP_WITHIN_MS = 40_000;
const STOP_CHECK_MS = 25;

/** Starts a process that outlives this one, with its id in the pid file. */
export function launch({ command, environment, pidFile, logFile }: ServiceCommand): void {
  for (const file of [pidFile, logFile]) mkdirSync(dirname(file), { recursive: true });
  const log = openSync(logFile, "a");
  const [program = "", ...options] = command;
  const child = spawn(program, options, {
    detached: true,
    env: { ...process.env, ...environment },
    stdio: ["ignore", log, log],
  });
  child.unref();
  closeSync(log);
  if (child.pid === undefined) throw new Error(`${program} could not be started`);
  writeFileSync(pidFile, `${child.pid} ${startTime(child.pid)}\n`);
}

/** The running process that a pid file tells of; `undefined` when it has ended, though its id may be another's now. */
export function runningProcess(pidFile: string): number | undefined {
  let text: string;
  try {
    text = readFileSync(pidFile, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const [pid, started] = text.trim().split(" ");
  return started !== undefined && startTime(Number(pid)) === started ? Number(pid) : undefined;
}

/** Ends the process of a pid file, with SIGKILL when it takes too long, and removes the file. */
export async function stop(pidFile: string, signal: NodeJS.Signals, patienceMs: number): Promise<void> {
  const pid = runningProcess(pidFile);
  if (pid !== undefined) {
    process.kill(pid, signal);
    // One that is stopped takes no notice of anything else but SIGKILL.
    if (signal !== "SIGKILL") process.kill(pid, "SIGCONT");
    const deadline = Date.now() + patienceMs;
    while (runningProcess(pidFile) === pid) {
      if (Date.now() > deadline) process.kill(pid, "SIGKILL");
      await Bun.sleep(STOP_CHECK_MS);
    }
  }
  rmSync(pidFile, { force: true });
}

/** What ends a process in good order; PostgreSQL would otherwise wait until all its clients have gone. */
export function stopSignal(name: string): NodeJS.Signals {
  return name === "postgres" ? "SIGINT" : "SIGTERM";
}

/** When a process started, in the system's own words; `undefined` when there is none, or only its remains. */
function startTime(pid: number): string | undefined {
  const { exitCode, stdout } = Bun.spawnSync(["ps", "-o", "stat=,lstart=", "-p", String(pid)]);
  const [state = "Z", ...started] = stdout.toString().trim().split(/\s+/);
  return exitCode === 0 && !state.startsWith("Z") ? started.join("-") : undefined;
}
