import { TAR_END as END, type EntryType, tarHeader as headerOf, tarPadding } from "../archive/tar-header.ts";
import { type TarEntry, UNMODIFIED } from "../archive/tar-reader.ts";

const TYPES: Readonly<Record<string, EntryType>> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
};

/** The end of an archive. */
export const TAR_END: Uint8Array = END;

/** The header of an entry; content and {@link padding} follow. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const type = TYPES[entry.type];
  if (type === undefined) throw new Error(`an archive cannot hold an entry of type ${entry.type}`);
  return headerOf({
    path: Buffer.from(entry.path.replace(/\/$/, ""), "latin1"),
    type,
    mode: entry.mode,
    userId: entry.userId,
    groupId: entry.groupId,
    modifiedAtSeconds: Math.max(0, entry.modifiedAt),
    sizeBytes: entry.size,
    linkTarget: entry.linkTarget === "" ? undefined : Buffer.from(entry.linkTarget, "latin1"),
    capability: entry.capability,
    records: entry.isUnmodified === true ? [[UNMODIFIED, Buffer.from("1")]] : [],
  });
}

/** What fills the last block of `size` bytes of content. */
export function padding(size: number): Uint8Array {
  return new Uint8Array(tarPadding(size));
}
