import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import type { RegistryServer } from "./registry-server.ts";

/** The names of all unfinished uploads. */
export function uploadFolders({ data }: RegistryServer): Promise<readonly string[]> {
  return readdir(join(data, "content/uploads"));
}

/** The content files that are open in this process, in which the server runs. */
export async function openContentFiles({ data }: RegistryServer): Promise<readonly string[]> {
  const links = await readdir("/proc/self/fd");
  const paths = await Promise.all(links.map((link) => readlink(`/proc/self/fd/${link}`).catch(() => "")));
  return paths.filter((path) => path.startsWith(join(data, "content/")) && path.endsWith("/data"));
}

/** Resolves once no request works on an upload, no content file is open, and only `uploads` exist. */
export async function untilNothingIsUnderWay(
  server: RegistryServer,
  uploads: readonly string[],
): Promise<void> {
  await eventually(async () => {
    const locks = await readdir(join(server.data, "metadata.sqlite-locks"));
    const others = (await uploadFolders(server)).filter((name) => !uploads.includes(name));
    return locks.length + others.length + (await openContentFiles(server)).length === 0;
  });
}
