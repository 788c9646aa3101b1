import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AptArchive, type Closure } from "../../src/builder/apt/apt-archive.ts";
import { ESSENTIAL_PATTERN } from "../../src/builder/apt/apt-source.ts";
import type { DebianPackage } from "../../src/builder/apt/debian-package.ts";
import { downloadListed } from "../../src/builder/apt/listed-packages.ts";
import { parseStanzas } from "../../src/builder/debian/control-stanza.ts";
import { HOST_PLATFORM } from "../../src/builder/host-platform.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { createLogger } from "../../src/log.ts";
import { mustRun } from "../../test/support/command.ts";

/** Debian has the same names for architectures. */
const ARCHITECTURE = HOST_PLATFORM.architecture;
/** Packages, and a pattern of apt, that are in every image by default. */
const EVERYWHERE = ["ca-certificates", "netbase", ESSENTIAL_PATTERN];
const SUITE = "bench";

/** An apt repository in a folder, with all packages in its list and the package files of a few images. */
export interface PackageRepository {
  /** An apt sources file with only this repository. */
  readonly sourcesFile: string;
  /** For each image, all its packages, as `name:architecture=version`. */
  readonly closures: ReadonlyMap<string, readonly string[]>;
  readonly fileCount: number;
  readonly fileBytes: number;
  /** How many packages the list has. */
  readonly listedCount: number;
}

/**
 * Makes a repository in `folder` from what the host's apt offers. Downloads the package files of `images`, each a list of
 * packages such as `curl/git`; later nothing has to be downloaded.
 */
export async function packageRepository(
  folder: string,
  images: readonly string[],
): Promise<PackageRepository> {
  const log = createLogger("error");
  const runner = new CommandRunner({ environment: process.env, log });
  const options = { architecture: ARCHITECTURE, everywhere: EVERYWHERE, refreshListsSeconds: 86_400 };
  const archive = new AptArchive({ ...options, folder: join(folder, "apt") }, runner, log, async () => {});
  const { signal } = new AbortController();
  const closures = new Map<string, Closure>();
  for (const image of images) {
    const request = { packages: image.split("/"), platform: HOST_PLATFORM, revision: "latest" };
    closures.set(image, await archive.resolve(request, signal));
  }
  const packages = new Map(
    [...closures.values()].flatMap((one) => one.packages.map((each) => [each.name, each])),
  );
  const root = join(folder, "repository");
  const incoming = join(folder, "incoming");
  for (const path of [root, incoming]) await mkdir(path);
  await downloadListed(archive.workspace, [...packages.values()], incoming, () => {}, signal);
  const stanzas = await allStanzas(archive, signal);
  await placeFiles(incoming, root, stanzas);
  await rm(incoming, { recursive: true });
  const sourcesFile = join(folder, "bench.list");
  await writeFile(sourcesFile, `deb [trusted=yes] copy:${root} ${SUITE} main\n`);
  await publish(root, stanzas);
  return {
    sourcesFile,
    closures: new Map([...closures].map(([image, one]) => [image, one.packages.map(fullPin)])),
    fileCount: packages.size,
    fileBytes: [...packages.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    listedCount: stanzas.length,
  };
}

function fullPin({ name, architecture, version }: DebianPackage): string {
  return `${name}:${architecture}=${version}`;
}

/** The stanzas of all packages in the host's lists, each in the version that apt would install. */
async function allStanzas({ workspace }: AptArchive, signal: AbortSignal): Promise<readonly string[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of workspace.stream(["apt-cache", "dumpavail"], signal)) chunks.push(chunk.slice());
  return Buffer.concat(chunks).toString("utf8").trim().split(/\n\n+/);
}

/** Moves each downloaded file to where its stanza says that it is. */
async function placeFiles(incoming: string, root: string, stanzas: readonly string[]): Promise<void> {
  const places = new Map(
    stanzas.map((stanza) => {
      const [fields] = parseStanzas(stanza);
      const path = fields?.get("filename") ?? "";
      const names = ["package", "version", "architecture"].map((name) => fields?.get(name) ?? "");
      return [names.join("_"), path];
    }),
  );
  for (const name of await readdir(incoming)) {
    const path = places.get(basename(name, ".deb").replaceAll("%3a", ":"));
    if (path === undefined) throw new Error(`no list has the package file ${name}`);
    await mkdir(dirname(join(root, path)), { recursive: true });
    await rename(join(incoming, name), join(root, path));
  }
}

async function publish(root: string, stanzas: readonly string[]): Promise<void> {
  const index = `main/binary-${ARCHITECTURE}/Packages`;
  const release = join(root, "dists", SUITE);
  await mkdir(dirname(join(release, index)), { recursive: true });
  const text = `${stanzas.join("\n\n")}\n`;
  await writeFile(join(release, index), text);
  await mustRun(["gzip", "--fast", join(release, index)]);
  const bytes = await Bun.file(join(release, `${index}.gz`)).bytes();
  const sha256 = (content: string | Uint8Array) =>
    new Bun.CryptoHasher("sha256").update(content).digest("hex");
  const lines = [
    `Suite: ${SUITE}`,
    `Codename: ${SUITE}`,
    "Components: main",
    `Architectures: ${ARCHITECTURE}`,
    "SHA256:",
    ` ${sha256(text)} ${Buffer.byteLength(text)} ${index}`,
    ` ${sha256(bytes)} ${bytes.byteLength} ${index}.gz`,
  ];
  await writeFile(join(release, "Release"), `${lines.join("\n")}\n`);
}
