import { expect, it, setDefaultTimeout } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { eventually } from "../../../test/support/eventually.ts";
import { haveEnded, isRunning } from "../../../test/support/running-processes.ts";
import { descendantsOf } from "./descendants.ts";
import { OrphanGuard } from "./orphan-guard.ts";

const STARTER = join(import.meta.dir, "../../../test/support/programs/command-starter.ts");

setDefaultTimeout(60_000);

/** Starts a process that runs `script`, and resolves to it and to the numbers in the script's first line. */
async function startOwner(script: string) {
  const owner = Bun.spawn([process.execPath, STARTER, script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await owner.stdout.getReader().read();
  const pids = new TextDecoder().decode(value).trim().split(" ").map(Number);
  return { owner, pids };
}

it("kills the commands of a killed process, with all that they started", async () => {
  const script =
    "trap '' TERM; sleep 600 & a=$!; setsid sh -c 'sleep 600; :' & b=$!; echo $$ $a $b; while :; do sleep 1; done";
  const { owner, pids } = await startOwner(script);
  expect(pids).toHaveLength(3);
  expect(pids.every(isRunning)).toBe(true);
  owner.kill("SIGKILL");
  await haveEnded(pids);
});

it("kills the commands of a process that ends without waiting for them", async () => {
  const { owner, pids } = await startOwner("trap '' TERM; echo $$; sleep 600; :");
  owner.kill("SIGTERM");
  await haveEnded(pids);
});

it("changes nothing where there is no shell, and harms nothing where it does not start", async () => {
  const guards = [new OrphanGuard(() => undefined), new OrphanGuard((program) => `/nonexistent/${program}`)];
  expect(guards[0]?.prepare(["sleep", "600"])).toEqual(["sleep", "600"]);
  const command = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  for (const guard of guards) {
    for (let i = 0; i < 3; i += 1) {
      await guard.ready();
      guard.watch(command);
    }
  }
  command.kill("SIGKILL");
  await haveEnded([command.pid as number]);
});

it("starts again after somebody killed it", async () => {
  const guard = new OrphanGuard((program) => Bun.which(program) ?? undefined);
  const before = new Set(await descendantsOf(process.pid));
  const found = async () => (await descendantsOf(process.pid)).filter((pid) => !before.has(pid));
  await guard.ready();
  const [first = 0, ...others] = await found();
  for (const pid of [first, ...others]) process.kill(pid, "SIGKILL");
  const command = spawn("sleep", ["600"], { detached: true, stdio: "ignore" });
  guard.watch(command);
  await eventually(async () => {
    await guard.ready();
    return (await found()).some((pid) => pid !== command.pid && pid !== first && isRunning(pid));
  });
  guard.watch(command);
  command.kill("SIGKILL");
  await haveEnded([first, ...others, command.pid as number]);
});
