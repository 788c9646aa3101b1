import { type ExtractEvents, extract } from "tar-stream";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { type ArchiveEntry, archiveOf } from "../archive/archive-writer.ts";
import { type LayerEntry, LayerTree } from "../archive/layer-tree.ts";
import type { LayerContent } from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { drained } from "../process/drained.ts";
import { parseStanzas } from "./control-stanza.ts";
import { formatFacts, type PackageFacts } from "./package-facts.ts";
import { type ControlFile, type ControlFiles, PackageObserver } from "./package-observer.ts";
import { cleanTreePath, mergedLinkTarget, mergedPath } from "./tree-path.ts";

type Entry = ExtractEvents["entry"][1];

const UNPACK_TIMEOUT_MS = 30 * 60_000;
const MAX_CONTROL_FILE_BYTES = 16 << 20;
/** Names of control files; others could lead out of dpkg's folder. */
const CONTROL_FILE = /^[a-z0-9][a-z0-9+.-]*$/;
/**
 * The layer with the content of .deb files, in order, and dpkg's records of them.
 *
 * Streams the content: only a few chunks and the names of the layer's files are in memory.
 */
export function createPackageLayer(
  files: readonly string[],
  runner: CommandRunner,
  signal: AbortSignal,
): LayerContent {
  const facts: PackageFacts[] = [];
  return {
    archive: archiveOf(async (archive) => {
      const layer = new LayerTree(archive);
      for (const file of files) facts.push(await addPackage(file, layer, runner, signal));
    }),
    facts: () => formatFacts(facts),
  };
}

async function addPackage(
  file: string,
  layer: LayerTree,
  runner: CommandRunner,
  signal: AbortSignal,
): Promise<PackageFacts> {
  const options = { timeoutMs: UNPACK_TIMEOUT_MS, signal };
  const control = await readControl(runner.stream(["dpkg-deb", "--ctrl-tarfile", file], options));
  const observer = new PackageObserver(control);
  const packagedPaths: string[] = ["/."];
  for await (const entry of tarEntries(runner.stream(["dpkg-deb", "--fsys-tarfile", file], options))) {
    const packagedPath = cleanTreePath(entry.header.name);
    if (packagedPath !== "") packagedPaths.push(`/${packagedPath}`);
    await copyEntry(entry, packagedPath, layer, observer);
  }
  const facts = observer.facts();
  const modifiedAt = new Date(facts.newestModification);
  for (const derived of observer.derivedFiles()) {
    if (derived.linkTarget !== undefined) await layer.addLink(derived.path, derived.linkTarget, modifiedAt);
    else await layer.addFile(derived.path, derived.bytes ?? new Uint8Array(), modifiedAt);
  }
  await addRecords(control, packagedPaths, layer, modifiedAt);
  return facts;
}

async function copyEntry(
  entry: Entry,
  packagedPath: string,
  layer: LayerTree,
  observer: PackageObserver,
): Promise<void> {
  const { header } = entry;
  const archived = archiveEntry(entry, packagedPath);
  const { path } = archived;
  if (header.type === "directory") {
    observer.noteEntry(path, packagedPath, archived.modifiedAt);
    observer.noteFolder(path, archived.mode, archived.userId, archived.groupId);
    await layer.add(archived);
  } else if (header.type === "symlink") {
    const linkTarget = mergedLinkTarget(packagedPath, header.linkname ?? "");
    if (linkTarget !== undefined) {
      observer.noteEntry(path, packagedPath, archived.modifiedAt);
      await layer.add({ ...archived, linkTarget });
    }
  } else if (header.type === "link") {
    observer.noteEntry(path, packagedPath, archived.modifiedAt);
    await layer.add({ ...archived, linkTarget: mergedPath(cleanTreePath(header.linkname ?? "")) });
  } else {
    observer.noteEntry(path, packagedPath, archived.modifiedAt);
    const size = header.size ?? 0;
    if (archived.type === "file") await layer.addStream(archived, size, watched(entry, path, size, observer));
    else await layer.add(archived);
  }
  // Skip the content that was not read, to reach the next entry.
  entry.resume();
}

const ENTRY_TYPES: Readonly<Record<string, ArchiveEntry["type"]>> = {
  file: "file",
  "contiguous-file": "file",
  directory: "directory",
  symlink: "symlink",
  link: "link",
  "character-device": "character-device",
  "block-device": "block-device",
  fifo: "fifo",
};

function archiveEntry({ header }: Entry, packagedPath: string): LayerEntry {
  const type = ENTRY_TYPES[header.type ?? "file"];
  if (type === undefined) throw new Error(`a package contains an entry of type ${header.type}`);
  return {
    path: mergedPath(packagedPath),
    type,
    mode: (header.mode ?? 0) & 0o7777,
    userId: header.uid ?? 0,
    groupId: header.gid ?? 0,
    modifiedAt: header.mtime ?? new Date(0),
    ...(type.endsWith("device")
      ? { device: { major: header.devmajor ?? 0, minor: header.devminor ?? 0 } }
      : {}),
  };
}

async function* watched(entry: Entry, path: string, size: number, observer: PackageObserver): ByteSource {
  const watcher = observer.watch(path, size);
  for await (const chunk of entry as AsyncIterable<Uint8Array>) {
    watcher?.push(chunk);
    yield chunk;
  }
  watcher?.finish();
}

async function addRecords(
  control: ControlFiles,
  packagedPaths: readonly string[],
  layer: LayerTree,
  modifiedAt: Date,
): Promise<void> {
  const prefix = `var/lib/dpkg/info/${recordName(control)}`;
  const list = Buffer.from(`${packagedPaths.join("\n")}\n`);
  // dpkg keeps all of them but the stanza, which is in its status.
  const kept = [...control].filter(([name]) => CONTROL_FILE.test(name) && name !== "control");
  const files = [...kept, ["list", { bytes: list, mode: 0o644 }] as const];
  for (const [name, { bytes, mode }] of files.toSorted(([left], [right]) => (left < right ? -1 : 1)))
    await layer.addFile(`${prefix}.${name}`, bytes, modifiedAt, mode);
}

/** The name of a package's records in dpkg: with the architecture if several can be installed side by side. */
function recordName(control: ControlFiles): string {
  const [stanza] = parseStanzas(Buffer.from(control.get("control")?.bytes ?? []).toString("utf8"));
  const name = stanza?.get("package");
  if (name === undefined) throw new Error("a package has no name");
  return stanza?.get("multi-arch") === "same" ? `${name}:${stanza.get("architecture")}` : name;
}

async function readControl(tar: ByteSource): Promise<ControlFiles> {
  const files = new Map<string, ControlFile>();
  for await (const entry of tarEntries(tar)) {
    const size = entry.header.size ?? 0;
    if (size > MAX_CONTROL_FILE_BYTES) throw new Error("a package contains a control file that is too large");
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry as AsyncIterable<Uint8Array>) chunks.push(chunk);
    const mode = (entry.header.mode ?? 0o644) & 0o777;
    files.set(cleanTreePath(entry.header.name), { bytes: Buffer.concat(chunks), mode });
  }
  return files;
}

/** The entries of an archive; consume each one before you request the next. Fails if reading the archive fails. */
async function* tarEntries(tar: ByteSource): AsyncGenerator<Entry> {
  const reader = extract();
  const fed = feed(tar, reader);
  fed.catch(() => {});
  try {
    yield* reader;
    await fed;
  } finally {
    reader.destroy(null);
  }
}

async function feed(tar: ByteSource, reader: ReturnType<typeof extract>): Promise<void> {
  try {
    for await (const chunk of tar) {
      if (reader.destroyed) return;
      if (!reader.write(chunk)) await drained(reader);
    }
    reader.end(null);
  } catch (cause) {
    reader.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    throw cause;
  }
}
