import type { ChildProcess } from "node:child_process";
import { errorCode } from "../../files/system-error.ts";

/**
 * Writes a line once it is ready, then reads `+ PID` and `- PID`, one in a line. When its input ends, which is when the writer has ended, kills the processes
 * that are left: each with its descendants in other process groups, then its group. The descendants are listed first,
 * because a process loses its parent when that one ends.
 *
 * Runs in the background, because with \`--no-orphans\` Bun has the system kill its direct children when it is killed.
 */
const SCRIPT = `
descendants() {
  for list in /proc/$1/task/*/children; do
    children=
    [ -r "$list" ] && read -r children < "$list"
    for child in $children; do echo "$child"; descendants "$child"; done
  done
}
guard() {
  exec >&-
  watched=' '
  while read -r change pid; do
    case $change in
      +) watched="$watched$pid " ;;
      -) watched="\${watched%% $pid *} \${watched#* $pid }" ;;
    esac
  done
  for pid in $watched; do
    others=$(descendants "$pid" 2>/dev/null)
    kill -s KILL -- "-$pid" $others
  done
}
trap '' HUP INT TERM
exec 3<&0
guard <&3 3<&- &
echo ready
exec >&-
wait
`;

type Guard = Bun.Subprocess<"pipe", "pipe", "ignore">;

/**
 * Kills this process's commands if it is killed itself, because they would go on, and hold locks that the next server
 * needs. It is a process of its own, which starts with the first command.
 */
export class OrphanGuard {
  readonly #shell: string | undefined;
  readonly #setpriv: string | undefined;
  #guard: Guard | undefined;
  #ready: Promise<unknown> = Promise.resolve();

  /** `find` returns the paths of programs. Without a POSIX shell, nothing is guarded. */
  constructor(find: (program: string) => string | undefined) {
    this.#shell = find("sh");
    this.#setpriv = this.#shell && find("setpriv");
  }

  /**
   * The command, changed so that only the guard kills it when this process is killed: with `--no-orphans` the system
   * would kill it first, and its descendants could no longer be found.
   */
  prepare(command: readonly string[]): readonly string[] {
    return this.#setpriv === undefined ? command : [this.#setpriv, "--pdeathsig", "clear", "--", ...command];
  }

  /** Resolves once the guard runs, or cannot run. */
  async ready(): Promise<void> {
    if (this.#shell === undefined) return;
    if (this.#guard === undefined || hasEnded(this.#guard)) this.#start(this.#shell);
    await this.#ready;
  }

  /** Guards a command, which leads a process group, until it is closed. */
  watch(command: ChildProcess): void {
    const { pid } = command;
    const guard = this.#guard;
    if (pid === undefined || guard === undefined) return;
    tell(guard, `+ ${pid}`);
    command.once("close", () => tell(guard, `- ${pid}`));
  }

  #start(shell: string): void {
    try {
      const guard = Bun.spawn([shell, "-c", SCRIPT], {
        stdio: ["pipe", "pipe", "ignore"],
        detached: true,
        env: {},
      });
      guard.unref();
      this.#guard = guard;
      this.#ready = guard.stdout.getReader().read();
    } catch {
      // Commands run without it, because there is no memory for another process.
    }
  }
}

/** Sends a line at once. Does nothing if somebody killed the guard. */
function tell(guard: Guard, line: string): void {
  if (hasEnded(guard)) return;
  try {
    guard.stdin.write(`${line}\n`);
    void guard.stdin.flush();
  } catch (error) {
    if (errorCode(error) !== "EPIPE") throw error;
  }
}

function hasEnded({ exitCode, signalCode }: Guard): boolean {
  return exitCode !== null || signalCode !== null;
}
