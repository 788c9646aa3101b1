import { join } from "node:path";
import { Random } from "../random.ts";
import { RegistryClient, type TestDescriptor } from "../registry-client.ts";
import { type ServerProcess, startServerProcess } from "../server-process.ts";
import { StateChecker } from "./check-state.ts";
import { buildVariables, PullClient } from "./pull-load.ts";
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
  /** Images that were built and pulled before the fault and after it, without those that failed. */
  readonly pulled: number;
  /** Whether the server ended by itself, or was killed by the fault. */
  readonly hasDied: boolean;
  /** What is lost, damaged, or does not work afterwards. */
  readonly problems: readonly string[];
}

/** What happens in a run. */
export interface FaultRunOptions {
  readonly seed: number;
  /** Requests of each client. */
  readonly steps: number;
  /** Whether images are built and pulled meanwhile. */
  readonly builds: boolean;
}

const CLIENTS = 3;
const BUILDING = { SLIPWAY_BUILDER_ENABLED: "true" };
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

/**
 * Runs two servers on one folder, which clients use in turn. One of them meets the fault. Then checks what is stored, and
 * that the next server works.
 */
export async function runWithFault(
  folder: string,
  fault: Fault,
  { seed, steps, builds }: FaultRunOptions,
): Promise<FaultResult> {
  let moment = 0;
  const history = new PushHistory(() => moment++);
  const data = join(folder, "data");
  const variables = { ...VARIABLES, ...(builds && { ...(await buildVariables(folder)), ...BUILDING }) };
  const faulty = await startFaulty(data, variables, fault);
  const sound = await startServerProcess(data, variables);
  const turns = inTurn(faulty === undefined ? [sound] : [faulty, sound]);
  const random = new Random(seed);
  const shared: TestDescriptor[] = [];
  const clients = Array.from(
    { length: CLIENTS },
    (_, index) => new PushClient(`client-${index}`, turns, history, random.fork(), shared),
  );
  const puller = builds ? new PullClient(turns, history, random.fork()) : undefined;
  let hasDied = faulty === undefined;
  void faulty?.exited.then(() => {
    hasDied = true;
  });
  await Promise.all([...clients, ...(puller === undefined ? [] : [puller])].map((each) => each.run(steps)));
  const result = { acknowledged: history.acknowledgements().length, hasDied };
  if (faulty !== undefined && !hasDied) await endTraced(faulty, "SIGTERM");
  await sound.end("SIGKILL");
  const afterwards = await problemsAfterwards(data, variables, puller);
  const lost = await new StateChecker(history).problems(data, Number.MAX_SAFE_INTEGER);
  const pulled = puller?.count ?? 0;
  return { ...result, pulled, problems: [...afterwards, ...(puller?.problems ?? []), ...lost] };
}

/** The servers as one, which is another one at each request. */
function inTurn(servers: readonly ServerProcess[]): { readonly url: string } {
  let turn = 0;
  return {
    get url() {
      turn += 1;
      return servers[turn % servers.length]?.url ?? "";
    },
  };
}

/** The server under strace; `undefined` if it met the fault before it listened. */
async function startFaulty(
  data: string,
  variables: Readonly<Record<string, string>>,
  { calls, outcome, at }: Fault,
): Promise<ServerProcess | undefined> {
  const action = outcome === "KILL" ? "signal=KILL" : `error=${outcome}`;
  // With --seccomp-bpf, strace would ignore signals to inject.
  const options = ["-f", "-e", `trace=${calls}`, "-e", `inject=${calls}:${action}:when=${at}`];
  const program = ["strace", ...options, "-o", "/dev/null", ...SERVER];
  return startServerProcess(data, variables, [], program).catch((error: unknown) => {
    if (String(error).includes("does not listen")) return undefined;
    throw error;
  });
}

async function problemsAfterwards(
  data: string,
  variables: Readonly<Record<string, string>>,
  puller: PullClient | undefined,
): Promise<readonly string[]> {
  await using server = await startServerProcess(data, variables);
  await puller?.pullAll(server);
  try {
    await new RegistryClient(server).pushImage("after/fault", "1");
    return [];
  } catch (error) {
    return [`the next server takes no image: ${error}`];
  }
}
