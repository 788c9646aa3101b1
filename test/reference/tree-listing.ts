import { createHash } from "node:crypto";
import { type StreamedEntry, streamedEntries } from "../../src/builder/archive/tar-reader.ts";

/** What is compared of a file, folder, link or device. */
export interface TreeEntry {
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  /** A hash of the content, or a link's target or a device's number; empty for what has none of them. */
  readonly content: string;
  /** Bytes of content. */
  readonly size: number;
  /** The attribute `security.capability` in hexadecimal digits. */
  readonly capability: string;
}

/** The entries of a tree by their paths without a leading slash, one character for each byte. */
export type TreeListing = ReadonlyMap<string, TreeEntry>;

/** Lists the tree in `folder`, without the folder itself. Needs GNU tar, and root for files of others. */
export async function listTree(folder: string): Promise<TreeListing> {
  const attributes = ["--xattrs", "--xattrs-include=security.capability"];
  const command = ["tar", "-C", folder, "--numeric-owner", "--sort=name", ...attributes, "-cf", "-", "."];
  const tar = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const listing = new Map<string, TreeEntry>();
  for await (const entry of streamedEntries(tar.stdout)) {
    const path = withoutAffixes(entry.path);
    if (path === "") continue;
    const isHardLink = entry.type === "link";
    const target = isHardLink ? listing.get(withoutAffixes(entry.linkTarget)) : undefined;
    listing.set(path, target ?? (await describe(entry)));
  }
  // It ends with 1 if it leaves out a socket.
  if ((await tar.exited) > 1) throw new Error(`tar could not read ${folder}`);
  return listing;
}

function withoutAffixes(path: string): string {
  return path.replace(/^\.\//, "").replace(/\/$/, "");
}

async function describe(entry: StreamedEntry): Promise<TreeEntry> {
  const { type, mode, userId, groupId, size, capability } = entry;
  const facts = { type, userId, groupId, size, capability: Buffer.from(capability ?? []).toString("hex") };
  // The mode of a symbolic link has no meaning.
  return { ...facts, mode: type === "symlink" ? 0o777 : mode, content: await contentOf(entry) };
}

async function contentOf({ type, linkTarget, device, content }: StreamedEntry): Promise<string> {
  if (device !== undefined) return `${device.major}:${device.minor}`;
  if (type !== "file") return linkTarget;
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}
