import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type TarEntry, tarEntryHeader } from "../../src/builder/archive/tar-entry.ts";
import { TAR_END, tarPadding } from "../../src/builder/archive/tar-header.ts";
import { contentPieces, tarEntries } from "../../src/builder/archive/tar-reader.ts";
import { DEFAULT_LIMITS, type SandboxLimits } from "../../src/builder/sandbox/limits.ts";
import { NamespaceSandbox } from "../../src/builder/sandbox/namespace-sandbox.ts";
import type { Sandbox, Stage, StageEnd } from "../../src/builder/sandbox/sandbox.ts";
import type { ByteSource } from "../../src/bytes/byte-source.ts";
import { mustRun } from "./command.ts";
import { findProgram } from "./find-program.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** Programs that stages of tests need; the shell has the rest built in. */
const PROGRAMS =
  "sh cat chmod chown cp date hostname id ln ls mkdir mkfifo mknod mv perl rm sleep stat touch";

/**
 * A tar of a small tree with the host's programs and their libraries, and a few files to change. Owners are root's.
 *
 * @param folder a new folder for the tree
 */
export async function programsArchive(folder: string): Promise<Uint8Array> {
  await mkdir(folder);
  const script = `
    cd "$1"; mkdir -p bin etc tmp data/inner data/gone; chmod 1777 tmp
    for name in ${PROGRAMS}; do
      program=$(command -v $name); cp -L "$program" bin/
      for library in $(ldd "$program" | grep -o '/[^ ]*'); do
        mkdir -p ".$(dirname "$library")"; [ -e ".$library" ] || cp -L "$library" ".$library"
      done
    done
    echo hosts >etc/hosts; echo one >data/one; echo two >data/two; echo deep >data/inner/deep; echo x >data/gone/x
    ln -s one data/link; chmod 2775 data/inner`;
  await mustRun(["sh", "-ec", script, "sh", folder]);
  const packed = Bun.spawn(["tar", "-C", folder, "-c", "--owner=0", "--group=0", "--format=pax", "."], {
    stdout: "pipe",
  });
  return new Uint8Array(await new Response(packed.stdout).arrayBuffer());
}

/** An entry as an archive of a test has it; what is left out is usual. */
export type TestEntry = Pick<TarEntry, "path"> & Partial<TarEntry> & { readonly content?: string };

/** A tar of these entries. */
export function archiveOfEntries(entries: readonly TestEntry[]): Uint8Array {
  const usual = {
    type: "file" as const,
    mode: 0o644,
    userId: 0,
    groupId: 0,
    modifiedAt: 1000,
    linkTarget: "",
    capability: undefined,
  };
  const parts = entries.flatMap(({ content = "", ...entry }) => {
    const bytes = Buffer.from(content);
    return [
      tarEntryHeader({ ...usual, size: bytes.byteLength, ...entry }),
      bytes,
      new Uint8Array(tarPadding(bytes.byteLength)),
    ];
  });
  return Buffer.concat([...parts, TAR_END]);
}

/** The bytes as a source, in pieces. */
async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

/** A stage's result, read to its end. */
export interface StageOutcome {
  readonly end: StageEnd;
  readonly output: string;
  readonly tar: Uint8Array;
  readonly changes: readonly (TarEntry & { readonly content: string })[];
}

/** What a stage of a test may set. */
export interface TestStage {
  /** Folders above the tree of programs, the top one first. */
  readonly above?: readonly string[];
  readonly files?: Stage["files"];
  readonly moves?: Stage["moves"];
  readonly environment?: Readonly<Record<string, string>>;
  readonly limits?: Partial<SandboxLimits>;
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** A sandbox with a tree of programs. */
export interface OpenSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly folder: string;
  /** Unpacks a tar into a folder of that name; resolves to its path. */
  unpack(name: string, tar: Uint8Array): Promise<string>;
  run(command: readonly [string, ...string[]], stage?: TestStage): Promise<StageOutcome>;
  shell(script: string, stage?: TestStage): Promise<StageOutcome>;
  perl(script: string, stage?: TestStage): Promise<StageOutcome>;
}

/**
 * A sandbox in a new folder; disposing of it removes everything.
 *
 * @param given an existing folder to use instead, which is left with what the sandbox keeps in it
 * @param programsTar the tree's content; by default, the host's programs
 */
export async function openSandbox(given?: string, programsTar?: Uint8Array): Promise<OpenSandbox> {
  const temporary = given === undefined ? await temporaryFolder("sandbox") : undefined;
  const folder = given ?? (temporary?.path as string);
  const sandbox = new NamespaceSandbox({ find: findProgram, folder });
  const never = new AbortController().signal;
  const trees: string[] = [];
  const unpack = async (name: string, tar: Uint8Array): Promise<string> => {
    const tree = join(folder, name);
    await sandbox.unpack(piecesOf(tar), tree, never);
    trees.push(tree);
    return tree;
  };
  const programs = await unpack("programs", programsTar ?? (await programsArchive(join(folder, "copied"))));
  const run: OpenSandbox["run"] = async (command, stage = {}) => {
    await using result = await sandbox.run(
      {
        lowers: [...(stage.above ?? []), programs],
        files: stage.files ?? [],
        moves: stage.moves ?? [],
        command,
        environment: stage.environment ?? { PATH: "/bin" },
        limits: { ...DEFAULT_LIMITS, timeoutMs: 60_000, ...stage.limits },
        ...(stage.onLine === undefined ? {} : { onLine: stage.onLine }),
      },
      stage.signal ?? never,
    );
    const { end, output } = result;
    const hasChanges = end.how === "exited" || end.how === "killed";
    const tar = hasChanges ? await bytesOf(result.changes()) : TAR_END;
    return { end, output, tar, changes: entriesIn(tar) };
  };
  return {
    sandbox,
    folder,
    unpack,
    run,
    shell: (script, stage) => run(["/bin/sh", "-c", script], stage),
    perl: (script, stage) => run(["/bin/perl", "-e", script], stage),
    async [Symbol.asyncDispose]() {
      for (const tree of trees) await sandbox.remove(tree);
      await sandbox[Symbol.asyncDispose]();
      await temporary?.[Symbol.asyncDispose]();
    },
  };
}

/** Why this machine has no sandbox; `undefined` if it has one. */
export async function sandboxProblem(): Promise<string | undefined> {
  await using temporary = await temporaryFolder("sandbox-trial");
  await using sandbox = new NamespaceSandbox({ find: findProgram, folder: temporary.path });
  const availability = await sandbox.available();
  return availability.available ? undefined : availability.reason;
}

/** All bytes of a source. */
export async function bytesOf(source: ByteSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function entriesIn(tar: Uint8Array): StageOutcome["changes"] {
  let at = 0;
  const input = {
    take(size: number) {
      at += size;
      return tar.subarray(at - size, at);
    },
  };
  const entries: (TarEntry & { readonly content: string })[] = [];
  for (const entry of tarEntries(input)) {
    entries.push({
      ...entry,
      content: Buffer.concat([...contentPieces(input, entry.size)]).toString("latin1"),
    });
  }
  return entries;
}
