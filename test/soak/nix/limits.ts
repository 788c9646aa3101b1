import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { eventually } from "../../support/eventually.ts";
import { SMALL_SET } from "../../support/nix.ts";
import type { Random } from "../../support/random.ts";
import { figure } from "../figures.ts";
import { ResidentMemory } from "../pressure/resident-memory.ts";
import { NixServer, removeData } from "./nix-server.ts";

const EVALUATION_SECONDS = 4;
const BUILDER_SECONDS = 8;
const MEBIBYTE = 1024 * 1024;
const MOST_MEMORY_BYTES = 256 * MEBIBYTE;
/** Packages whose evaluation or build never ends, or uses all it can get. */
const WITHOUT_END = ["endless", "endlessfold", "huge", "noisy", "stays"];
/**
 * How many evaluations a pull can wait for: all packages together, then each alone, two at a time, and other builds
 * before them.
 */
const MOST_EVALUATIONS = 6;
/** Time to start and to stop programs on a busy machine, in seconds. */
const SLACK_SECONDS = 20;

const VARIABLES = {
  SLIPWAY_BUILDER_FAILURE_SECONDS: "1",
  SLIPWAY_BUILDER_PARALLEL_BUILDS: "4",
  SLIPWAY_BUILDER_NIX_INCLUDE: JSON.stringify(["everywhere"]),
  SLIPWAY_BUILDER_NIX_EVALUATION_SECONDS: String(EVALUATION_SECONDS),
  SLIPWAY_BUILDER_NIX_EVALUATION_BYTES: String(256 * MEBIBYTE),
  SLIPWAY_BUILDER_NIX_LOG_BYTES: String(MEBIBYTE),
  SLIPWAY_BUILDER_NIX_BUILDER_TIMEOUT_SECONDS: String(BUILDER_SECONDS),
};

/**
 * Pulls packages whose evaluation or build never ends, alone and together. Each must end within its limits and leave
 * nothing behind.
 */
export async function checkLimits(
  folder: string,
  seconds: number,
  random: Random,
  checks: Checks,
): Promise<void> {
  const data = join(folder, "limits");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeData(data));
  const server = stack.use(await NixServer.start(data, SMALL_SET, VARIABLES));
  using memory = new ResidentMemory(server.process.pid);
  const endAt = performance.now() + seconds * 1000;
  for (const name of WITHOUT_END) await checkEnds(server, [name], checks);
  do {
    const some = WITHOUT_END.filter(() => !random.oneIn(3));
    await Promise.all(
      some.map((name) => checkEnds(server, [name, random.pick(["apart", "program"])], checks)),
    );
  } while (performance.now() < endAt);
  const good = await server.pull(["apart", "program"]);
  checks.check(good.status === 200, () => `afterwards, a pull was answered ${good.status}: ${good.body}`);
  memory.takePeak();
  figure("memory beside builds without end", `${Math.round(memory.largest / MEBIBYTE)} MiB`);
  checks.check(memory.largest < MOST_MEMORY_BYTES, () => `the server took ${memory.largest} bytes`);
  await checkNothingLeft(server, checks);
}

async function checkEnds(server: NixServer, packages: readonly string[], checks: Checks): Promise<void> {
  const { status, body, seconds } = await server.pull(packages);
  const image = packages.join("/");
  const most = EVALUATION_SECONDS * MOST_EVALUATIONS + BUILDER_SECONDS + SLACK_SECONDS;
  console.log(`${image}: ${status} after ${seconds.toFixed(1)} s`);
  checks.check(status >= 400, () => `${image} was built`);
  checks.check(seconds < most, () => `${image} took ${seconds} s`);
  checks.check(
    body.includes(packages[0] as string) || status === 504,
    () => `${image} is not named: ${body}`,
  );
}

async function checkNothingLeft(server: NixServer, checks: Checks): Promise<void> {
  const isIdle = async () => (await server.nixProcesses()).length === 0;
  const ended = await eventually(isIdle).then(
    () => true,
    () => false,
  );
  checks.check(ended, () => "processes of Nix are left");
  const roots = await server.roots();
  checks.check(roots.length === 0, () => `roots are left: ${roots.join(", ")}`);
}
