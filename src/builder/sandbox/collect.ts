// A program that runs in namespaces of its own: holds the changes of a stage, runs its command in further namespaces,
// and then writes the changes as often as it is asked to.
import { closeSync } from "node:fs";
import { ChangesArchive } from "./changes.ts";
import { openFolder } from "./file-facts.ts";
import { endWithParent } from "./identity.ts";
import { AT_FDCWD, byteString, call, cString, libc } from "./libc.ts";
import type { SandboxLimits } from "./limits.ts";
import { LowerFolders } from "./lower-folders.ts";
import { MemoryWatch } from "./memory-watch.ts";
import { NO_DEV, NO_SUID } from "./mounts.ts";
import { reportResult, send, takeOrder } from "./program-channel.ts";
import { type CommandEnd, ENTERED, type StageOrder } from "./stage-order.ts";

const PIECE_BYTES = 1 << 18;
const ENTER = Bun.fileURLToPath(new URL("./enter.ts", import.meta.url));

/** Runs the command, and passes its output on. */
async function runCommand(order: StageOrder): Promise<void> {
  using memory = new MemoryWatch(order.limits.memoryBytes);
  const [output, commandOutput] = makePipe();
  const namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"];
  const unshare = [order.unshare, ...namespaces, "--fork", "--kill-child=KILL", "--keep-caps", "--"];
  const child = Bun.spawn([...unshare, process.execPath, ENTER], {
    stdio: ["pipe", commandOutput, "inherit"],
    env: {},
    cwd: "/",
  });
  closeSync(commandOutput);
  const text = Buffer.from(JSON.stringify(order));
  const size = Buffer.alloc(4);
  size.writeUInt32LE(text.byteLength);
  child.stdin.write(Buffer.concat([size, text]));
  await child.stdin.end();
  let hasEntered = false;
  let complaint = "";
  for await (const chunk of Bun.file(output).stream()) {
    const isFirst: boolean = !hasEntered && complaint === "" && chunk[0] === ENTERED;
    hasEntered ||= isFirst;
    if (hasEntered) sendPieces("output", isFirst ? chunk.subarray(1) : chunk);
    else complaint += Buffer.from(chunk).toString("utf8");
  }
  await child.exited;
  if (!hasEntered) throw new Error(complaint || "the namespaces of the command cannot be made");
  const end: CommandEnd = {
    exitCode: child.exitCode,
    signal: child.signalCode as string | null,
    tookTooMuchMemory: memory.hasKilled,
  };
  send("ended", JSON.stringify(end));
}

/**
 * A pipe: what is read, and what is written. It is the sandbox's, so that a command can open it by a path such as
 * `/dev/stderr`.
 */
function makePipe(): readonly [output: number, input: number] {
  const ends = new Int32Array(2);
  call("make a pipe", libc.pipe2(ends, 0x80000));
  return [ends[0] as number, ends[1] as number];
}

function writeChanges(upper: number, lowers: LowerFolders, limits: SandboxLimits): void {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const flush = () => {
    sendPieces("bytes", Buffer.concat(pending));
    pending = [];
    pendingBytes = 0;
  };
  const write = (bytes: Uint8Array) => {
    // A copy, because pieces of files share memory.
    pending.push(Buffer.from(bytes));
    pendingBytes += bytes.byteLength;
    if (pendingBytes >= PIECE_BYTES) flush();
  };
  const changes = openFolder(upper, "changes");
  new ChangesArchive(write, limits.changesBytes).writeAll(changes, lowers);
  flush();
  closeSync(changes);
}

function sendPieces(kind: "output" | "bytes", bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) send(kind, bytes.subarray(at, at + PIECE_BYTES));
}

function fail(error: unknown): never {
  send("failed", error instanceof Error ? error.message : String(error));
  process.exit(1);
}

async function main(): Promise<void> {
  const order = takeOrder<StageOrder>();
  const { upperBytes, upperInodes } = order.limits;
  const options = `size=${upperBytes},nr_inodes=${upperInodes},mode=0755,uid=0,gid=0`;
  const [kind, point] = [cString("tmpfs"), cString(byteString(order.upperPoint))];
  call("mount the changes", libc.mount(kind, point, kind, NO_SUID | NO_DEV, cString(options)));
  const upper = openFolder(AT_FDCWD, byteString(order.upperPoint));
  const lowers = order.lowers.map((path) => openFolder(AT_FDCWD, byteString(path)));
  // From here on, what this program makes belongs to the sandbox's user 0. Its group stays: with another one, the programs
  // that it starts would lose their capabilities.
  libc.setfsuid(0);
  endWithParent();
  const running = runCommand(order).catch(fail);
  // Each byte asks once. The end of the input is the end of the server, or of its interest.
  for await (const request of Bun.stdin.stream()) {
    await running;
    for (const _ of request) reportResult(() => writeChanges(upper, new LowerFolders(lowers), order.limits));
  }
  process.exit(0);
}

send("ready");
await main().catch(fail);
