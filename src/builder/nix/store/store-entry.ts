import { tarHeader } from "../../archive/tar-header.ts";

/** An entry of a store path in a layer. It is owned by root, and its time is one second after the epoch. */
export interface StoreEntry {
  /** Path without a leading or trailing slash. */
  readonly path: Uint8Array;
  readonly kind: "file" | "directory" | "link";
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  /** Size of a file's content; absent otherwise. */
  readonly sizeBytes?: number;
  /** Target of a symbolic link; absent otherwise. */
  readonly target?: Uint8Array;
}

/** Nix gives all files in a store this time. */
const MODIFIED_AT = { modifiedAtSeconds: 1, userId: 0, groupId: 0 } as const;

/** The header of an entry; see {@link tarHeader}. */
export function storeEntryHeader({ kind, target, ...entry }: StoreEntry): Uint8Array {
  const type = kind === "link" ? "symlink" : kind;
  return tarHeader({ ...entry, ...MODIFIED_AT, type, linkTarget: target });
}
