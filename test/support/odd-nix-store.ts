import { randomBytes } from "node:crypto";
import { chmod, link, lutimes, mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { storeArchive } from "../../src/builder/nix/store/store-archive.ts";
import type { StorePath } from "../../src/builder/nix/store/store-path.ts";
import type { ByteSource } from "../../src/bytes/byte-source.ts";
import { type AddedPath, type PrivateNixStore, privateNixStore } from "./private-nix-store.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A signal that is never aborted. */
export const NEVER = new AbortController().signal;
/** Size of the file `large` in the odd tree. */
export const LARGE_BYTES = 700_001;
/** 120 + 120 + 200 bytes, longer than a header block can hold. */
export const LONG_PATH = [120, 120, 200].map((length, index) => "xyz".charAt(index).repeat(length)).join("/");
/** Target of `long-link` in the odd tree. */
export const LONG_TARGET = "t".repeat(180);
/** A file name in the odd tree. */
export const NOT_UTF8 = Buffer.from([0x62, 0xff, 0x63]);

/** Makes a tree with everything that a store can hold, and a few things that it drops. */
async function makeOddTree(folder: string): Promise<void> {
  await mkdir(join(folder, "empty/inner"), { recursive: true });
  await mkdir(join(folder, "sub"));
  await writeFile(join(folder, "sub.file"), "sorts before what is in sub");
  await writeFile(join(folder, "sub/first"), "the same content");
  await link(join(folder, "sub/first"), join(folder, "sub/second"));
  await writeFile(join(folder, "sub/copy"), "the same content");
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), NOT_UTF8]), "a name of bytes");
  await mkdir(join(folder, LONG_PATH, ".."), { recursive: true });
  await writeFile(join(folder, LONG_PATH), "a long name");
  await symlink(LONG_TARGET, join(folder, "long-link"));
  await symlink(Buffer.from([0x2e, 0x2f, 0xfe]), join(folder, "byte-link"));
  await symlink("sub", join(folder, "folder-link"));
  await writeFile(join(folder, "program"), "#!/bin/sh\n");
  await chmod(join(folder, "program"), 0o4711);
  await writeFile(join(folder, "large"), randomBytes(LARGE_BYTES));
  await writeFile(join(folder, "none"), "");
  await lutimes(join(folder, "none"), 1234567890, 1234567890);
}

/** All bytes of a source. */
export async function bytesOf(source: ByteSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The whole archive of store paths. */
export function archiveOf(store: PrivateNixStore, paths: readonly StorePath[]): Promise<Buffer> {
  return bytesOf(storeArchive(paths, { storeFolder: store.storeFolder, signal: NEVER }));
}

/** Files of `folder` that are open in this process. */
export async function openFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder));
}

/** A new store with the odd tree in it. */
export async function oddStore(): Promise<
  AsyncDisposable & { readonly folder: string; readonly store: PrivateNixStore; readonly odd: AddedPath }
> {
  const folder = await temporaryFolder("nix-archive");
  const source = join(folder.path, "odd");
  await mkdir(source);
  await makeOddTree(source);
  const store = await privateNixStore(folder.path);
  const odd = await store.add(source);
  const dispose = async (): Promise<void> => {
    await store[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  return { folder: folder.path, store, odd, [Symbol.asyncDispose]: dispose };
}
