import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { TAR_END, tarPadding } from "../../archive/tar-header.ts";
import { NarHash } from "./nar-hash.ts";
import { TreeCollector, type TreeEntry } from "./read-tree.ts";
import { storeEntryHeader } from "./store-entry.ts";
import { readFailure, type StorePath, StorePathDamaged, storePathName } from "./store-path.ts";
import { type TreeStep, walkTree } from "./tree-walk.ts";

/** Options of a {@link storeArchive}. */
export interface StoreArchiveOptions {
  /** The folder that contains the store paths: `FOLDER/nix/store` for a store with the root `FOLDER`. */
  readonly storeFolder: string;
  readonly signal: AbortSignal;
  /** Called with the tree of each path whose hash is right, unless it has more than `maxTreeEntries`. */
  readonly onTree?: (path: string, tree: readonly TreeEntry[]) => void;
  readonly maxTreeEntries?: number;
}

type FileStep = Extract<TreeStep, { kind: "file" }>;

/** The folders above every store path. */
const FOLDERS = ["nix", "nix/store"];
const MODES = { directory: 0o555, executable: 0o555, file: 0o444, link: 0o777 } as const;
/** A file up to this size is read at once; a larger one is read in pieces of this size. */
const PIECE_BYTES = 1 << 17;

/**
 * Streams the uncompressed archive of store paths in the given order. Reads each file once, straight from the store.
 *
 * The bytes depend only on the paths' names and contents, never on owners, times, hard links or the host. Each path is
 * hashed as it is read. If its hash is not the given one, the stream fails at the end of that path, so the archive is
 * never complete. Holds one open file and a piece of it in memory. On an abort, the next read throws and the file is
 * closed. A chunk is valid until the consumer requests the next one.
 *
 * @throws {StorePathDamaged} if a path is missing, unreadable or not what its hash says
 */
export async function* storeArchive(
  paths: readonly StorePath[],
  options: StoreArchiveOptions,
): AsyncGenerator<Uint8Array> {
  for (const folder of FOLDERS)
    yield storeEntryHeader({ path: Buffer.from(folder), kind: "directory", mode: 0o755 });
  for (const path of paths) yield* pathEntries(path, options);
  options.signal.throwIfAborted();
  yield TAR_END;
}

/** The entries of one store path. */
async function* pathEntries(
  { path, narHash }: StorePath,
  { storeFolder, signal, onTree, maxTreeEntries = 0 }: StoreArchiveOptions,
): AsyncGenerator<Uint8Array> {
  const name = storePathName(path);
  const hash = new NarHash();
  const tree = onTree && new TreeCollector(maxTreeEntries);
  try {
    for await (const step of walkTree(join(storeFolder, name), signal)) {
      tree?.add(step);
      yield* stepBytes(step, `nix/store/${name}`, hash, signal);
    }
  } catch (cause) {
    throw cause instanceof UnsoundEntry
      ? new StorePathDamaged(path, cause.message)
      : readFailure(path, cause);
  }
  const found = hash.digest();
  if (found !== narHash)
    throw new StorePathDamaged(path, `has changed: its hash is ${found}, not ${narHash}`);
  if (tree?.entries !== undefined) onTree?.(path, tree.entries);
}

/** An entry that cannot have been put into the store like this. */
class UnsoundEntry extends Error {
  override readonly name = "UnsoundEntry";
}

/** Yields the bytes of one step in the archive, and adds the step to the hash. */
async function* stepBytes(
  step: TreeStep,
  root: string,
  hash: NarHash,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (step.kind === "end") return hash.leaveDirectory();
  const { name, path } = step.place;
  const entryPath = Buffer.concat([Buffer.from(path.length === 0 ? root : `${root}/`), path]);
  switch (step.kind) {
    case "directory":
      hash.enterDirectory(name);
      yield storeEntryHeader({ path: entryPath, kind: "directory", mode: MODES.directory });
      break;
    case "link":
      hash.addLink(name, step.target);
      yield storeEntryHeader({ path: entryPath, kind: "link", mode: MODES.link, target: step.target });
      break;
    case "file":
      hash.beginFile(name, step.executable, step.sizeBytes);
      yield* fileBytes(step, entryPath, hash, signal);
      hash.endFile();
      break;
    case "other":
      throw new UnsoundEntry("has a device, a socket or a pipe in it");
  }
}

/** Yields a file's header, content and padding, and adds the content to the hash. */
async function* fileBytes(
  { place, executable, sizeBytes }: FileStep,
  path: Uint8Array,
  hash: NarHash,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const header = storeEntryHeader({
    path,
    kind: "file",
    mode: executable ? MODES.executable : MODES.file,
    sizeBytes,
  });
  if (sizeBytes === 0) {
    yield header;
    return;
  }
  if (sizeBytes <= PIECE_BYTES) {
    yield await smallFileBytes(place.hostPath, header, sizeBytes, hash);
    return;
  }
  yield header;
  await using file = await openFile(place.hostPath);
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let position = 0; position < sizeBytes; ) {
    signal.throwIfAborted();
    const piece = buffer.subarray(0, Math.min(buffer.byteLength, sizeBytes - position));
    await readFully(file, piece, position);
    hash.addContent(piece);
    yield piece;
    position += piece.byteLength;
  }
  yield new Uint8Array(tarPadding(sizeBytes));
}

/** All of a small file in one chunk, because most files are small, and each chunk costs time in every later step. */
async function smallFileBytes(
  path: Buffer,
  header: Uint8Array,
  sizeBytes: number,
  hash: NarHash,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(header.byteLength + sizeBytes + tarPadding(sizeBytes));
  bytes.set(header);
  const content = bytes.subarray(header.byteLength, header.byteLength + sizeBytes);
  await using file = await openFile(path);
  await readFully(file, content, 0);
  hash.addContent(content);
  return bytes;
}

/** Opens a file; fails if it is a link. */
async function openFile(path: Buffer): Promise<FileHandle> {
  return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
}

async function readFully(file: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let filled = 0; filled < piece.byteLength; ) {
    const { bytesRead } = await file.read(piece, filled, piece.byteLength - filled, position + filled);
    if (bytesRead === 0) throw new UnsoundEntry("became shorter while it was read");
    filled += bytesRead;
  }
}
