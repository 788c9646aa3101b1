import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type StreamedEntry, streamedEntries } from "../../src/builder/archive/tar-reader.ts";
import { ACCOUNT_FILES, type AccountFile, TreeAccounts } from "./tree-accounts.ts";

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
  /** For a file of accounts, what it says without their numbers; otherwise the same as the content. */
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
  for await (const entry of streamedEntries(tar.stdout)) {
    const path = withoutAffixes(entry.path);
    if (path === "") continue;
    const isHardLink = entry.type === "link";
    const target = isHardLink ? listing.get(withoutAffixes(entry.linkTarget)) : undefined;
    listing.set(path, target ?? (await describe(entry)));
  }
  // It ends with 1 if it leaves out a socket.
  if ((await tar.exited) > 1) throw new Error(`tar could not read ${folder}`);
  const texts = new Map<AccountFile, string>();
  for (const path of ACCOUNT_FILES)
    if (listing.get(path)?.type === "file") texts.set(path, await readFile(join(folder, path), "latin1"));
  const accounts = new TreeAccounts(texts);
  return new Map(
    [...listing].map(([path, entry]) => {
      const contentWithoutNumbers = accounts.withoutNumbers(path) ?? entry.content;
      return [path, { ...entry, owner: accounts.owner(entry.userId, entry.groupId), contentWithoutNumbers }];
    }),
  );
}

function withoutAffixes(path: string): string {
  return path.replace(/^\.\//, "").replace(/\/$/, "");
}

async function describe(entry: StreamedEntry): Promise<BareEntry> {
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
