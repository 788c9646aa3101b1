import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";

/** A system call that affects a disk's content, from strace's log. */
export type DiskCall =
  | {
      readonly call: "write";
      readonly path: string;
      readonly bytes: Uint8Array;
      readonly offset: number | undefined;
    }
  | { readonly call: "truncate"; readonly path: string; readonly size: number }
  | { readonly call: "remove"; readonly path: string }
  /** A sync began or ended. Everything written before it began is safe once it has ended. */
  | { readonly call: "sync-begin" | "sync-end"; readonly path: string; readonly thread: string };

/** Whether strace is installed and has permission to trace. */
export async function canTrace(): Promise<boolean> {
  if (!Bun.which("strace")) return false;
  return (
    (await Bun.spawn(["strace", "-o", "/dev/null", "true"], { stdio: ["ignore", "ignore", "ignore"] })
      .exited) === 0
  );
}

/** `command` run under strace, which writes the calls that {@link readTrace} reads to `log`. */
export function traced(command: readonly string[], log: string): readonly string[] {
  const calls = "trace=fdatasync,fsync,write,pwrite64,ftruncate,unlink";
  return ["strace", "-f", "-y", "-xx", "-s", "100000", "--seccomp-bpf", "-e", calls, "-o", log, ...command];
}

const BEGUN =
  /^(\d+) +(write|pwrite64|ftruncate|fsync|fdatasync)\(\d+<([^>]*)>(?:, "([^"]*)", \d+)?(?:, (\d+))?/;
const RESUMED = /^(\d+) +<\.\.\. (?:fsync|fdatasync) resumed>\) += 0/;

const REMOVED = /^\d+ +unlink\("([^"]*)"/;

/** The calls in a log of {@link traced}, in the order they began. */
export async function* readTrace(log: string): AsyncGenerator<DiskCall> {
  const syncing = new Map<string, string>();
  let rest = "";
  for await (const chunk of Bun.file(log).stream().pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield* callsOf(line, syncing);
  }
}

function* callsOf(line: string, syncing: Map<string, string>): Generator<DiskCall> {
  const resumed = RESUMED.exec(line)?.[1];
  if (resumed !== undefined) {
    const path = syncing.get(resumed);
    if (path !== undefined) yield { call: "sync-end", path, thread: resumed };
    return;
  }
  const removed = REMOVED.exec(line)?.[1];
  if (removed !== undefined) {
    yield { call: "remove", path: new TextDecoder().decode(unescapeHex(removed)) };
    return;
  }
  const [, thread = "", name, file = "", data = "", number] = BEGUN.exec(line) ?? [];
  const path = new TextDecoder().decode(unescapeHex(file));
  if (name === "write") yield { call: "write", path, bytes: unescapeHex(data), offset: undefined };
  if (name === "pwrite64") yield { call: "write", path, bytes: unescapeHex(data), offset: Number(number) };
  if (name === "ftruncate") yield { call: "truncate", path, size: Number(number) };
  if (name === "fsync" || name === "fdatasync") {
    yield { call: "sync-begin", path, thread };
    if (line.endsWith("<unfinished ...>")) syncing.set(thread, path);
    else if (line.endsWith("= 0")) yield { call: "sync-end", path, thread };
  }
}

function unescapeHex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll("\\x", ""));
}

type Change = Extract<DiskCall, { call: "write" | "truncate" }>;

/** One file's content, growing as it is written. */
class Content {
  #bytes: Uint8Array<ArrayBuffer>;
  #size: number;

  constructor(bytes = new Uint8Array(0)) {
    this.#bytes = bytes;
    this.#size = bytes.byteLength;
  }

  apply(change: Change): void {
    if (change.call === "truncate") {
      this.#bytes.fill(0, Math.min(change.size, this.#size), this.#size);
      this.#grow(change.size);
      this.#size = change.size;
      return;
    }
    const offset = change.offset ?? this.#size;
    const end = offset + change.bytes.byteLength;
    this.#grow(end);
    this.#bytes.set(change.bytes, offset);
    this.#size = Math.max(this.#size, end);
  }

  copy(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#size);
  }

  #grow(size: number): void {
    if (size <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(size * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

interface TracedFile {
  readonly safe: Content;
  /** Number of changes that are safe so far. */
  synced: number;
  readonly pending: Change[];
}

/** The files of a folder on a disk, if the system writes nothing before a sync. */
export class TracedDisk {
  readonly #files = new Map<string, TracedFile>();
  /** For each thread that syncs, how many changes of its file had been made when it began. */
  readonly #begun = new Map<string, number>();

  /** Applies the next call on a file of the folder. Removal counts as safe at once. */
  apply(call: DiskCall): void {
    const file = this.#files.get(call.path) ?? { safe: new Content(), synced: 0, pending: [] };
    this.#files.set(call.path, file);
    switch (call.call) {
      case "remove":
        this.#files.delete(call.path);
        return;
      case "sync-begin":
        this.#begun.set(call.thread, file.synced + file.pending.length);
        return;
      case "sync-end": {
        // A sync on another thread may have made some of them safe in the meantime.
        const covered = Math.max(0, (this.#begun.get(call.thread) ?? 0) - file.synced);
        for (const change of file.pending.splice(0, covered)) file.safe.apply(change);
        file.synced += covered;
        return;
      }
      default:
        file.pending.push(call);
    }
  }

  /** Writes the files as they are after a power cut now. `survives` picks the unsynced changes that survive. */
  async cutPower(folder: string, survives: () => boolean): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const [path, { safe, pending }] of this.#files) {
      const content = new Content(safe.copy());
      for (const change of pending.filter(survives)) content.apply(change);
      await Bun.write(join(folder, basename(path)), content.copy());
    }
  }
}
