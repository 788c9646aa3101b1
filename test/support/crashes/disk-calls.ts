/** A system call on files, as strace logged it. */
export interface DiskCall {
  readonly thread: string;
  /** Such as `pwrite64`. */
  readonly name: string;
  /** The paths that it names: of its open file, or its arguments. */
  readonly paths: readonly string[];
  /** The bytes that a write is given. */
  readonly bytes: Uint8Array | undefined;
  /** Its last numeric argument: an offset or a size. */
  readonly number: number | undefined;
  /** Flags of an `openat`. */
  readonly flags: string;
  /** What it returned; negative if it failed. Of a call that never returned, what it would return. */
  readonly result: number;
}

/** One line of progress in a log: a call begins, or has ended. */
export interface CallEvent {
  readonly kind: "begin" | "end";
  readonly call: DiskCall;
  /** Bytes of the log up to the end of this line. */
  readonly position: number;
}

/** The calls that change what is on a disk, or make it safe. */
const CHANGING = [
  "openat",
  "mkdir",
  "mkdirat",
  "rename",
  "renameat",
  "renameat2",
  "unlink",
  "unlinkat",
  "rmdir",
];
const WRITING = ["write", "pwrite64", "ftruncate", "fsync", "fdatasync"];
/** Calls that the model does not know. A recording that has one says nothing. */
export const UNKNOWN_CALLS: ReadonlySet<string> = new Set(
  [
    "open",
    "creat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "writev",
    "pwritev",
    "pwritev2",
    "truncate",
  ].concat(["fallocate", "sync_file_range", "copy_file_range", "io_uring_setup"]),
);

/** Whether strace is installed and has permission to trace. */
export async function canTrace(): Promise<boolean> {
  if (!Bun.which("strace")) return false;
  const trial = Bun.spawn(["strace", "-o", "/dev/null", "true"], { stdio: ["ignore", "ignore", "ignore"] });
  return (await trial.exited) === 0;
}

/** `command` run under strace, which writes the calls that {@link readCalls} reads to `log`. */
export function traced(
  command: readonly string[],
  log: string,
  inject: readonly string[] = [],
): readonly string[] {
  const calls = `trace=${[...CHANGING, ...WRITING, ...UNKNOWN_CALLS].join(",")}`;
  const injections = inject.flatMap((one) => ["-e", `inject=${one}`]);
  const options = ["-f", "-y", "-xx", "-s", "33554432", "--seccomp-bpf", "-e", calls, ...injections];
  return ["strace", ...options, "-o", log, ...command];
}

/** The calls in a log of {@link traced}, in the order in which they begin and end. */
export async function* readCalls(log: string): AsyncGenerator<CallEvent> {
  const unfinished = new Map<string, string>();
  let position = 0;
  for await (const line of linesOf(log)) {
    position += line.length + 1;
    const blank = line.indexOf(" ");
    const thread = line.slice(0, blank);
    const text = line.slice(blank).trimStart();
    if (text.startsWith("+++ ")) {
      // A killed process had perhaps made the call that it was in, and its successor then sees that.
      const call = parseCall(thread, unfinished.get(thread) ?? "");
      unfinished.delete(thread);
      if (call !== undefined) yield { kind: "end", call, position };
      continue;
    }
    if (text.endsWith("<unfinished ...>")) {
      const begun = text.slice(0, -"<unfinished ...>".length);
      unfinished.set(thread, begun);
      const call = parseCall(thread, begun);
      if (call !== undefined) yield { kind: "begin", call, position };
      continue;
    }
    const resumed = text.startsWith("<... ") ? text.indexOf(" resumed>") : -1;
    const whole =
      resumed < 0 ? text : (unfinished.get(thread) ?? "") + text.slice(resumed + " resumed>".length);
    unfinished.delete(thread);
    const call = parseCall(thread, whole);
    if (call === undefined) continue;
    if (resumed < 0) yield { kind: "begin", call, position };
    yield { kind: "end", call, position };
  }
}

/** The lines of a file of any size. All of it is ASCII, so characters are bytes. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of Bun.file(path).stream().pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Splits at quotes rather than with one expression: a line can have megabytes of hex, on which expressions give up. */
function parseCall(thread: string, text: string): DiskCall | undefined {
  const name = /^[a-z0-9_]+(?=\()/.exec(text)?.[0];
  if (name === undefined) return undefined;
  const parts = text.split('"');
  const strings = parts.filter((_, index) => index % 2 === 1).map(unescapeHex);
  const tail = parts.at(-1) ?? "";
  const result = /\) += (-?\d+|\?)/.exec(tail);
  const isOnFile = WRITING.includes(name);
  const opened = isOnFile ? /^[a-z0-9]+\(\d+<([^>]*)>/.exec(parts[0] ?? "")?.[1] : undefined;
  const paths = isOnFile ? (opened === undefined ? [] : [textOf(unescapeHex(opened))]) : strings.map(textOf);
  const numbers = (result === null ? tail : tail.slice(0, result.index)).match(/(?<=, )\d+/g);
  const bytes = isOnFile ? strings[0] : undefined;
  const returned = Number(result?.[1] ?? Number.NaN);
  return {
    thread,
    name,
    paths,
    bytes,
    number: numbers === null ? undefined : Number(numbers.at(-1)),
    flags: /O_[A-Z_|]+/.exec(tail)?.[0] ?? "",
    result: Number.isNaN(returned) ? (bytes?.byteLength ?? 0) : returned,
  };
}

function unescapeHex(text: string): Uint8Array {
  return text.includes("\\x")
    ? Uint8Array.fromHex(text.replaceAll("\\x", ""))
    : new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
