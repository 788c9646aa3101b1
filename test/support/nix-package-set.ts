import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Semaphore } from "../../src/concurrency/semaphore.ts";
import { mustRun } from "./command.ts";

/** A package set of Debian's programs, whose package files a local server has. Disposing of it ends the server. */
export interface NixPackageSet extends AsyncDisposable {
  /** Folder of the set. */
  readonly path: string;
  /** Number of package files that the server has. */
  readonly fileCount: number;
  /** Their total size in bytes. */
  readonly fileBytes: number;
}

interface LockedPackage {
  readonly sha256: string;
  readonly uri: string;
}

type Locks = Readonly<Record<string, Readonly<Record<string, LockedPackage>>>>;

const SET = join(import.meta.dir, "../gate/acceptance/nix-set");
const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const DOWNLOADS_AT_ONCE = 8;

/**
 * Creates the set of the acceptance tests in `folder`, which must exist. It is locked to what the host's apt offers
 * now, for this machine's architecture. Its files are downloaded first, so that builds do not depend on the network.
 */
export async function nixPackageSet(folder: string): Promise<NixPackageSet> {
  const path = join(folder, "set");
  const files = join(folder, "files");
  await cp(SET, path, { recursive: true });
  await mkdir(files);
  const printed = await mustRun(["node", join(path, "relock.mjs"), join(folder, "apt")]);
  const packages = (JSON.parse(printed) as Locks)[ARCHITECTURE] ?? {};
  const fileBytes = await download(Object.values(packages), files);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: (request) => new Response(Bun.file(join(files, basename(new URL(request.url).pathname)))),
  });
  const served = Object.entries(packages).map(([name, one]) => [
    name,
    { ...one, uri: `http://127.0.0.1:${server.port}/${one.sha256}` },
  ]);
  const locks = { [ARCHITECTURE]: Object.fromEntries(served) };
  await writeFile(join(path, "debs.json"), `${JSON.stringify(locks, undefined, 1)}\n`);
  return { path, fileCount: served.length, fileBytes, [Symbol.asyncDispose]: () => server.stop(true) };
}

/** The names of the packages that an image can contain. */
export async function packageNames(set: NixPackageSet): Promise<readonly string[]> {
  const locks = JSON.parse(await readFile(join(set.path, "debs.json"), "utf8")) as Locks;
  const buildTools = new Set(["patchelf"]);
  return Object.keys(locks[ARCHITECTURE] ?? {}).filter((name) => !buildTools.has(name));
}

/** Downloads each file under the name of its hash; resolves to their total size in bytes. */
async function download(packages: readonly LockedPackage[], folder: string): Promise<number> {
  const limit = new Semaphore({ places: DOWNLOADS_AT_ONCE });
  const sizes = await Promise.all(
    packages.map(({ uri, sha256 }) =>
      limit.run(async () => {
        const response = await fetch(uri);
        if (!response.ok) throw new Error(`${uri} answered ${response.status}`);
        const bytes = await response.bytes();
        const found = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
        if (found !== sha256) throw new Error(`${uri} has other bytes than apt says`);
        return await Bun.write(join(folder, sha256), bytes);
      }),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
