import { lstat, readdir, readlink } from "node:fs/promises";

/** One step of a walk. Names, paths and targets are bytes, because a file system does not say how they are encoded. */
export type TreeStep =
  | { readonly kind: "directory"; readonly place: TreePlace }
  /** The end of the innermost open directory. */
  | { readonly kind: "end" }
  | {
      readonly kind: "file";
      readonly place: TreePlace;
      readonly executable: boolean;
      readonly sizeBytes: number;
    }
  | { readonly kind: "link"; readonly place: TreePlace; readonly target: Uint8Array }
  /** A device, a socket or a pipe, which a store cannot hold. */
  | { readonly kind: "other"; readonly place: TreePlace };

/** The place of a step. */
export interface TreePlace {
  /** Path on this host. */
  readonly hostPath: Buffer;
  /** Path below the root of the walk, without a leading slash; empty for the root itself. */
  readonly path: Buffer;
  /** Last component of `path`. */
  readonly name: Buffer;
}

/** A directory that the walk is in. */
interface OpenDirectory {
  readonly place: TreePlace;
  /** Names still to visit, the next one last. */
  readonly names: Buffer[];
}

const SLASH = Buffer.from("/");
const NOTHING = Buffer.alloc(0);
const OWNER_EXECUTES = 0o100;

/**
 * Walks the file, link or directory `root` without following links: a directory comes before its content, names in
 * ascending byte order. This is the order of a NAR.
 *
 * Keeps the names in all open directories in memory.
 *
 * @throws the file system's error, or the reason of `signal`
 */
export async function* walkTree(root: string, signal: AbortSignal): AsyncGenerator<TreeStep> {
  const open: OpenDirectory[] = [];
  let place: TreePlace | undefined = { hostPath: Buffer.from(root), path: NOTHING, name: NOTHING };
  while (place !== undefined) {
    signal.throwIfAborted();
    const step = await look(place);
    yield step;
    if (step.kind === "directory") open.push({ place, names: await namesDescending(place) });
    place = undefined;
    while (place === undefined && open.length > 0) {
      place = nextPlace(open);
      if (place === undefined) yield { kind: "end" };
    }
  }
}

/** The next place in the innermost directory. If there is none, leaves that directory. */
function nextPlace(open: OpenDirectory[]): TreePlace | undefined {
  const directory = open.at(-1);
  const name = directory?.names.pop();
  if (directory === undefined || name === undefined) {
    open.pop();
    return undefined;
  }
  const { hostPath, path } = directory.place;
  return { hostPath: joined(hostPath, name), path: path.length === 0 ? name : joined(path, name), name };
}

async function look(place: TreePlace): Promise<TreeStep> {
  const stats = await lstat(place.hostPath);
  if (stats.isDirectory()) return { kind: "directory", place };
  if (stats.isSymbolicLink())
    return { kind: "link", place, target: await readlink(place.hostPath, { encoding: "buffer" }) };
  if (!stats.isFile()) return { kind: "other", place };
  return { kind: "file", place, executable: (stats.mode & OWNER_EXECUTES) !== 0, sizeBytes: stats.size };
}

async function namesDescending({ hostPath }: TreePlace): Promise<Buffer[]> {
  const names = await readdir(hostPath, { encoding: "buffer" });
  return names.sort((left, right) => Buffer.compare(right, left));
}

function joined(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, SLASH, name]);
}
