import { availableParallelism } from "node:os";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { archiveOf } from "../archive/archive-writer.ts";
import { type LayerEntry, LayerTree } from "../archive/layer-tree.ts";
import { type StreamedEntry, streamedEntries } from "../archive/tar-reader.ts";
import type { LayerContent } from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { readControlArchive } from "./control-archive.ts";
import { parseStanzas } from "./control-stanza.ts";
import { formatFacts, type PackageFacts } from "./package-facts.ts";
import { type ControlFile, type ControlFiles, PackageObserver } from "./package-observer.ts";
import { cleanTreePath, mergedLinkTarget, mergedPath } from "./tree-path.ts";

const UNPACK_TIMEOUT_MS = 30 * 60_000;
/** With two processors, packages that are unpacked side by side take both. Threads for each would only cost time and memory. */
const UNPACK_ENVIRONMENT: Readonly<Record<string, string>> =
  availableParallelism() <= 2 ? { DPKG_DEB_THREADS_MAX: "1" } : {};
const MAX_CONTROL_FILE_BYTES = 16 << 20;
/** Names of control files; others could lead out of dpkg's folder. */
const CONTROL_FILE = /^[a-z0-9][a-z0-9+.-]*$/;

/** Resolves to the path of a .deb file, whose bytes have been verified. */
export type PackageFile = () => Promise<string>;

/**
 * The layer with the content of .deb files, in order, and dpkg's records of them.
 *
 * Streams the content: only a few chunks and the names of the layer's files are in memory.
 */
export function createPackageLayer(
  files: readonly PackageFile[],
  runner: CommandRunner,
  signal: AbortSignal,
): LayerContent {
  const facts: PackageFacts[] = [];
  return {
    archive: archiveOf(async (archive) => {
      const layer = new LayerTree(archive);
      for (const file of files) facts.push(await addPackage(await file(), layer, runner, signal));
    }),
    facts: () => formatFacts(facts),
  };
}

/** The content of a .deb file. */
export function packageContent(
  file: string,
  runner: CommandRunner,
  signal: AbortSignal,
): AsyncGenerator<StreamedEntry> {
  const options = { timeoutMs: UNPACK_TIMEOUT_MS, signal, environment: UNPACK_ENVIRONMENT };
  return streamedEntries(runner.stream(["dpkg-deb", "--fsys-tarfile", file], options));
}

async function* controlArchive(file: string, runner: CommandRunner, signal: AbortSignal): ByteSource {
  const archive = await readControlArchive(file);
  const options = { timeoutMs: UNPACK_TIMEOUT_MS, signal };
  if (archive === undefined) yield* runner.stream(["dpkg-deb", "--ctrl-tarfile", file], options);
  else yield archive;
}

async function addPackage(
  file: string,
  layer: LayerTree,
  runner: CommandRunner,
  signal: AbortSignal,
): Promise<PackageFacts> {
  const control = await readControl(controlArchive(file, runner, signal));
  const observer = new PackageObserver(control);
  const packagedPaths: string[] = ["/."];
  for await (const entry of packageContent(file, runner, signal)) {
    const packagedPath = cleanTreePath(textOf(entry.path));
    if (packagedPath !== "") packagedPaths.push(`/${packagedPath}`);
    await copyEntry(entry, packagedPath, layer, observer);
  }
  const facts = observer.facts();
  const modifiedAt = new Date(facts.newestModification);
  await addRecords(control, packagedPaths, layer, modifiedAt);
  return facts;
}

async function copyEntry(
  entry: StreamedEntry,
  packagedPath: string,
  layer: LayerTree,
  observer: PackageObserver,
): Promise<void> {
  const archived = layerEntry(entry, packagedPath);
  const { path, type } = archived;
  const target = textOf(entry.linkTarget);
  const linkTarget = type === "symlink" ? mergedLinkTarget(packagedPath, target) : undefined;
  // It linked two folders that are one in the image.
  if (type === "symlink" && linkTarget === undefined) return;
  observer.noteEntry(path, packagedPath, archived.modifiedAt);
  if (type === "directory") observer.noteFolder(path, archived.mode, archived.userId, archived.groupId);
  if (type === "file") await layer.addStream(archived, entry.size, watched(entry, path, observer));
  else if (type === "link") await layer.add({ ...archived, linkTarget: mergedPath(cleanTreePath(target)) });
  else await layer.add({ ...archived, linkTarget });
}

function layerEntry(entry: StreamedEntry, packagedPath: string): LayerEntry {
  const { type, mode, userId, groupId, modifiedAt, device } = entry;
  const path = mergedPath(packagedPath);
  return { path, type, mode, userId, groupId, modifiedAt: new Date(modifiedAt * 1000), device };
}

/** A name of a package as text: Debian's names are UTF-8. */
function textOf(name: string): string {
  return Buffer.from(name, "latin1").toString("utf8");
}

async function* watched(
  { size, content }: StreamedEntry,
  path: string,
  observer: PackageObserver,
): ByteSource {
  const watcher = observer.watch(path, size);
  for await (const chunk of content) {
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
  for await (const { path, mode, size, content } of streamedEntries(tar)) {
    if (size > MAX_CONTROL_FILE_BYTES) throw new Error("a package contains a control file that is too large");
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk.slice());
    files.set(cleanTreePath(textOf(path)), { bytes: Buffer.concat(chunks), mode: mode & 0o777 });
  }
  return files;
}
