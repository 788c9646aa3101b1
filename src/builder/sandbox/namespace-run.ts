import type { Clock } from "../../clock.ts";
import type { NamespaceProcess } from "./namespace-process.ts";
import { SandboxError, type Stage, type StageEnd, type StageRun } from "./sandbox.ts";
import type { CommandEnd } from "./stage-order.ts";
import { StageOutput } from "./stage-output.ts";

/** A stage whose command has ended, in a process that still holds its changes. */
export class NamespaceRun implements StageRun {
  readonly end: StageEnd;
  readonly output: string;
  readonly #process: NamespaceProcess;
  #isReading = false;

  private constructor(process: NamespaceProcess, end: StageEnd, output: string) {
    this.#process = process;
    this.end = end;
    this.output = output;
  }

  /** Waits for the end of the command. Disposing of the result disposes of `process`. Errors as {@link Sandbox.run}. */
  static async of(process: NamespaceProcess, { limits, onLine }: Stage, clock: Clock): Promise<NamespaceRun> {
    const output = new StageOutput(onLine);
    let stopped: StageEnd | undefined;
    const stop = (how: "timed-out" | "too-much-output") => {
      stopped ??= { how };
      process.stop();
    };
    const cancelTimer = clock.after(limits.timeoutMs, () => stop("timed-out"));
    try {
      for (;;) {
        const frame = await process.next();
        if (frame.kind !== "output") {
          output.finish();
          if (frame.kind !== "ended") throw new SandboxError(`the sandbox sent ${frame.kind}`);
          return new NamespaceRun(process, stopped ?? endOf(JSON.parse(frame.bytes.toString())), output.tail);
        }
        output.add(frame.bytes);
        if (output.byteCount > limits.outputBytes) stop("too-much-output");
        if (stopped !== undefined) break;
      }
    } catch (error) {
      // A process that was stopped ends without a word.
      if (stopped === undefined || !(error instanceof SandboxError)) throw error;
    } finally {
      cancelTimer();
    }
    output.finish();
    return new NamespaceRun(process, stopped as StageEnd, output.tail);
  }

  async *changes(): AsyncGenerator<Uint8Array> {
    if (this.end.how !== "exited" && this.end.how !== "killed") {
      throw new SandboxError("the command was stopped, so its changes are gone");
    }
    if (this.#isReading) throw new SandboxError("the changes were not read to their end");
    this.#isReading = true;
    await this.#process.write(Buffer.from("\n"));
    for (;;) {
      const frame = await this.#process.next();
      if (frame.kind === "done") break;
      yield frame.bytes;
    }
    // Otherwise the rest would be in the way of the next reader.
    this.#isReading = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

function endOf({ exitCode, signal, tookTooMuchMemory }: CommandEnd): StageEnd {
  if (tookTooMuchMemory) return { how: "too-much-memory" };
  return signal === null ? { how: "exited", exitCode: exitCode ?? 1 } : { how: "killed", signal };
}
