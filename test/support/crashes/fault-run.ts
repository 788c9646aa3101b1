import { join } from "node:path";
import { Random } from "../random.ts";
import { RegistryClient, type TestDescriptor } from "../registry-client.ts";
import { type ServerProcess, startServerProcess } from "../server-process.ts";
import { StateChecker } from "./check-state.ts";
import { PushHistory } from "./push-history.ts";
import { PushClient } from "./push-load.ts";
import { endTraced, SERVER } from "./recording.ts";

/** What happens to a server at one of its system calls. */
export interface Fault {
  /** Calls, separated by commas, such as `pwrite64`. */
  readonly calls: string;
  /** `KILL` kills the server before the call; otherwise the call fails with this error. */
  readonly outcome: "KILL" | "ENOSPC" | "EIO";
  /** At which of some thread's calls. */
  readonly at: number;
}

/** How a server did that met a fault. */
export interface FaultResult {
  readonly acknowledged: number;
  /** Whether the server ended by itself, or was killed by the fault. */
  readonly hasDied: boolean;
  /** What is lost, damaged, or does not work afterwards. */
  readonly problems: readonly string[];
}

const CLIENTS = 3;
const VARIABLES = { SLIPWAY_BUILDER_ENABLED: "false", SLIPWAY_METADATA_RESERVE_BYTES: "65536" };

/** The name of a fault, such as `pwrite64:ENOSPC:40`, which {@link parseFault} reads. */
export function nameOf({ calls, outcome, at }: Fault): string {
  return `${calls}:${outcome}:${at}`;
}

/** Reads the name of a fault. */
export function parseFault(name: string): Fault {
  const [calls = "", outcome = "", at = ""] = name.split(":");
  return { calls, outcome: outcome as Fault["outcome"], at: Number(at) };
}

/** Runs a server that meets the fault while clients push, then checks what it stored, and that the next one works. */
export async function runWithFault(
  folder: string,
  fault: Fault,
  { seed, steps }: { readonly seed: number; readonly steps: number },
): Promise<FaultResult> {
  let moment = 0;
  const history = new PushHistory(() => moment++);
  const data = join(folder, "data");
  const server = await start(data, fault);
  let hasDied = server === undefined;
  if (server !== undefined) {
    const random = new Random(seed);
    const shared: TestDescriptor[] = [];
    const clients = Array.from(
      { length: CLIENTS },
      (_, index) => new PushClient(`client-${index}`, server, history, random.fork(), shared),
    );
    let hasEnded = false;
    void server.exited.then(() => {
      hasEnded = true;
    });
    await Promise.all(clients.map((client) => client.run(steps)));
    hasDied = hasEnded;
    if (!hasDied) await endTraced(server, "SIGTERM");
  }
  const afterwards = await problemsAfterwards(data);
  const lost = await new StateChecker(history).problems(data, Number.MAX_SAFE_INTEGER);
  return { acknowledged: history.acknowledgements().length, hasDied, problems: [...afterwards, ...lost] };
}

/** The server under strace; `undefined` if it met the fault before it listened. */
async function start(data: string, { calls, outcome, at }: Fault): Promise<ServerProcess | undefined> {
  const action = outcome === "KILL" ? "signal=KILL" : `error=${outcome}`;
  // With --seccomp-bpf, strace would ignore signals to inject.
  const options = ["-f", "-e", `trace=${calls}`, "-e", `inject=${calls}:${action}:when=${at}`];
  const program = ["strace", ...options, "-o", "/dev/null", ...SERVER];
  return startServerProcess(data, VARIABLES, [], program).catch((error: unknown) => {
    if (String(error).includes("does not listen")) return undefined;
    throw error;
  });
}

async function problemsAfterwards(data: string): Promise<readonly string[]> {
  await using server = await startServerProcess(data, VARIABLES);
  try {
    await new RegistryClient(server).pushImage("after/fault", "1");
    return [];
  } catch (error) {
    return [`the next server takes no image: ${error}`];
  }
}
