import { basename } from "node:path";

/** A path of a Nix store, and the hash that its content must have. */
export interface StorePath {
  /** `/nix/store/HASH-NAME`, wherever the store's folder is on this host. */
  readonly path: string;
  /** SHA-256 of its NAR serialisation, in lower-case hex, as in the store's database. */
  readonly narHash: string;
}

/**
 * A store path whose files are missing, unreadable or not those of its hash, so that it has to be repaired.
 *
 * The message contains the store path's name but no path of the host; `cause` can contain one.
 */
export class StorePathDamaged extends Error {
  override readonly name = "StorePathDamaged";
  /** `/nix/store/HASH-NAME`. */
  readonly path: string;

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${basename(path)} in the Nix store ${problem}`, options);
    this.path = path;
  }
}

/** Failures of the host that say nothing about the files. */
const HOST_FAILURES: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * The error to throw when reading `path` failed with `cause`: a {@link StorePathDamaged} if the cause means damage, or
 * else the cause itself.
 */
export function readFailure(path: string, cause: unknown): unknown {
  const { code, syscall } = (cause instanceof Error ? cause : {}) as NodeJS.ErrnoException;
  if (syscall === undefined || HOST_FAILURES.has(code)) return cause;
  const problem = code === "ENOENT" ? "is missing or incomplete" : `cannot be read (${code})`;
  return new StorePathDamaged(path, problem, { cause });
}

/**
 * The name of a store path, which is also the name of its file or folder in the store's folder.
 *
 * @throws {Error} if it is not directly in the store
 */
export function storePathName(path: string): string {
  const name = /^\/nix\/store\/([^/\0]+)$/.exec(path)?.[1];
  if (name === undefined || name.startsWith("."))
    throw new Error(`not the path of a store: ${JSON.stringify(path)}`);
  return name;
}
