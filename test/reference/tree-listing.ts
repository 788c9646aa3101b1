import { createHash } from "node:crypto";
import { type StreamedEntry, streamedEntries } from "../../src/builder/archive/tar-reader.ts";
import { isAccountFile, readAccounts } from "./tree-accounts.ts";

/** What is compared of a file, folder, link or device. */
export interface TreeEntry {
  readonly type: string;
  /** Permission bits. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  /** The names of its owners in the tree's own accounts. */
  readonly owner: string;
  /** A hash of the content, or a link's target or a device's number; empty for what has none of them. */
  readonly content: string;
  /** The same of what a file of accounts says without the numbers of the accounts; of others the same. */
  readonly contentWithoutNumbers: string;
  /** Bytes of content. */
  readonly size: number;
  /** The attribute `security.capability` in hexadecimal digits. */
  readonly capability: string;
}

/** An entry before the accounts of its tree are known. */
type BareEntry = Omit<TreeEntry, "owner" | "contentWithoutNumbers">;

/** The entries of a tree by their paths without a leading slash, one character for each byte. */
export type TreeListing = ReadonlyMap<string, TreeEntry>;

/** Lists the tree in `folder`, without the folder itself. Needs GNU tar, and root for files of others. */
export async function listTree(folder: string): Promise<TreeListing> {
  const attributes = ["--xattrs", "--xattrs-include=security.capability"];
  const command = ["tar", "-C", folder, "--numeric-owner", "--sort=name", ...attributes, "-cf", "-", "."];
  const tar = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const listing = new Map<string, BareEntry>();
  const accountFiles = new Map<string, string>();
  for await (const entry of streamedEntries(tar.stdout)) {
    const path = withoutAffixes(entry.path);
    if (path === "") continue;
    const isHardLink = entry.type === "link";
    const target = isHardLink ? listing.get(withoutAffixes(entry.linkTarget)) : undefined;
    const keep = isAccountFile(path) ? (text: string) => void accountFiles.set(path, text) : undefined;
    listing.set(path, target ?? (await describe(entry, keep)));
  }
  // It ends with 1 if it leaves out a socket.
  if ((await tar.exited) > 1) throw new Error(`tar could not read ${folder}`);
  return withAccounts(listing, accountFiles);
}

function withAccounts(
  listing: ReadonlyMap<string, BareEntry>,
  accountFiles: ReadonlyMap<string, string>,
): TreeListing {
  const accounts = readAccounts(accountFiles);
  return new Map(
    [...listing].map(([path, entry]) => {
      const text = accountFiles.get(path);
      const isOfAccounts = text !== undefined && isAccountFile(path);
      const contentWithoutNumbers = isOfAccounts ? accounts.withoutNumbers(path, text) : entry.content;
      return [path, { ...entry, owner: accounts.owner(entry.userId, entry.groupId), contentWithoutNumbers }];
    }),
  );
}

function withoutAffixes(path: string): string {
  return path.replace(/^\.\//, "").replace(/\/$/, "");
}

async function describe(entry: StreamedEntry, keep?: (text: string) => void): Promise<BareEntry> {
  const { type, mode, userId, groupId, size, capability } = entry;
  const facts = { type, userId, groupId, size, capability: Buffer.from(capability ?? []).toString("hex") };
  // The mode of a symbolic link has no meaning.
  return { ...facts, mode: type === "symlink" ? 0o777 : mode, content: await contentOf(entry, keep) };
}

async function contentOf(
  { type, linkTarget, device, content }: StreamedEntry,
  keep?: (text: string) => void,
): Promise<string> {
  if (device !== undefined) return `${device.major}:${device.minor}`;
  if (type !== "file") return linkTarget;
  const hash = createHash("sha256");
  const kept: Buffer[] = [];
  for await (const chunk of content) {
    hash.update(chunk);
    if (keep !== undefined) kept.push(Buffer.from(chunk));
  }
  keep?.(Buffer.concat(kept).toString("latin1"));
  return hash.digest("hex");
}
