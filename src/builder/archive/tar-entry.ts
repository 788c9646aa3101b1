import { type EntryType, tarHeader } from "./tar-header.ts";

/** One entry of a tar archive, as it is read. Names are strings with one character for each byte ("latin1"). */
export interface TarEntry {
  /** As the archive has it: with a slash after a folder's. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  /** Bytes of content that follow. */
  readonly size: number;
  /** Whole seconds. */
  readonly modifiedAt: number;
  readonly linkTarget: string;
  /** Number of a device. */
  readonly device?: { readonly major: number; readonly minor: number } | undefined;
  /** The attribute `security.capability`. */
  readonly capability: Uint8Array | undefined;
  /** Whether it has the record {@link UNMODIFIED}. */
  readonly isUnmodified?: boolean;
}

/**
 * A record of our own, for archives of what changed in a tree: the entry has the content and the time that it had before,
 * and only its owner, mode or attributes are new.
 */
export const UNMODIFIED = "SLIPWAY.unmodified";

/** The header of an entry; its content and padding follow. */
export function tarEntryHeader({ path, linkTarget, size, modifiedAt, ...entry }: TarEntry): Uint8Array {
  return tarHeader({
    ...entry,
    path: Buffer.from(path.replace(/\/$/, ""), "latin1"),
    modifiedAtSeconds: Math.max(0, modifiedAt),
    sizeBytes: size,
    linkTarget: linkTarget === "" ? undefined : Buffer.from(linkTarget, "latin1"),
    records: entry.isUnmodified === true ? [[UNMODIFIED, Buffer.from("1")]] : [],
  });
}
