import { createHash } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mustRun } from "./command.ts";

/** A package of a {@link DebianRepository}. */
export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  /** More fields of its control file, such as `Depends`, or others than `Architecture: all`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Whether it can be downloaded; others can only be resolved. It holds `usr/share/NAME/text` and `files`. */
  readonly hasFile?: boolean;
  /** More files, by path. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** The folder of its file in the repository; by default, the repository's own. */
  readonly folder?: string;
  /** Maintainer scripts, by name, such as `postinst`. */
  readonly scripts?: Readonly<Record<string, string>>;
}

/** An apt repository in a folder: small, local, and free to change. */
export interface DebianRepository {
  /** A file for `builder.apt.sourcesFile` with only this repository. */
  readonly sourcesFile: string;
  /** The folder of the packages' files. */
  readonly folder: string;
  /** Replaces all packages in the index. apt sees them at its next update. Files that were there stay. */
  publish(packages: readonly TestPackage[]): Promise<void>;
  /** Removes the files of packages, but not the packages from the index. */
  removeFiles(packages: readonly TestPackage[]): Promise<void>;
}

/** When all files of packages were modified: a time in the past, because dpkg-deb keeps older ones. */
const MODIFIED_AT_SECONDS = "1700000000";

/** Creates a repository without packages in `folder`, which the caller removes. Its suite has the name `suite`. */
export async function createDebianRepository(folder: string, suite = "test"): Promise<DebianRepository> {
  const root = join(folder, `repository-${suite}`);
  const sourcesFile = join(folder, `${suite}.list`);
  await mkdir(root);
  await writeFile(sourcesFile, `deb [trusted=yes] file:${root} ./\n`);
  let publishedAt = Math.floor(Date.now() / 1000);
  const repository: DebianRepository = {
    sourcesFile,
    folder: root,
    async publish(packages) {
      const stanzas = await Promise.all(packages.map((one) => publishPackage(root, one)));
      const index = stanzas.join("\n");
      await writeFile(join(root, "Packages"), index);
      const release = `Codename: ${suite}\nSHA256:\n ${sha256(index)} ${Buffer.byteLength(index)} Packages\n`;
      await writeFile(join(root, "Release"), release);
      // apt treats a file with the same time in seconds as unchanged.
      publishedAt += 2;
      for (const name of ["Packages", "Release"]) await utimes(join(root, name), publishedAt, publishedAt);
    },
    async removeFiles(packages) {
      for (const one of packages) await rm(join(root, fileName(one)));
    },
  };
  await repository.publish([]);
  return repository;
}

/** Makes the package's file, if it has one; resolves to its stanza in the index. */
async function publishPackage(root: string, one: TestPackage): Promise<string> {
  const control = {
    Package: one.name,
    Version: one.version ?? "1",
    Architecture: "all",
    Maintainer: "Nobody <nobody@registry.invalid>",
    ...one.fields,
    Description: one.fields?.Description ?? "for a test",
  };
  const bytes = one.hasFile
    ? await packageFile(root, one, stanza(control))
    : new TextEncoder().encode(one.name);
  const file = { Filename: fileName(one), Size: String(bytes.byteLength), SHA256: sha256(bytes) };
  return stanza({ ...control, ...file });
}

/** The same package always gives the same bytes. */
async function packageFile(root: string, one: TestPackage, control: string): Promise<Uint8Array> {
  const { name, version = "1", files = {}, scripts = {} } = one;
  const tree = join(root, `tree-${name}-${version}`);
  const file = join(root, fileName(one));
  const content = { [`usr/share/${name}/text`]: `${name}\n`, ...files };
  const md5sums = Object.entries(content).map(
    ([path, bytes]) => `${createHash("md5").update(bytes).digest("hex")}  ${path}\n`,
  );
  for (const [path, bytes] of Object.entries(content)) await writeWithFolder(join(tree, path), bytes);
  for (const [path, text] of Object.entries({ control, md5sums: md5sums.join("") }))
    await writeWithFolder(join(tree, "DEBIAN", path), text);
  for (const [path, text] of Object.entries(scripts))
    await writeWithFolder(join(tree, "DEBIAN", path), text, 0o755);
  await mkdir(dirname(file), { recursive: true });
  // The same on every machine, whatever this process's file mode creation mask.
  await mustRun(["chmod", "-R", "u=rwX,go=rX", tree]);
  await mustRun(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, file], {
    SOURCE_DATE_EPOCH: MODIFIED_AT_SECONDS,
  });
  await rm(tree, { recursive: true });
  return await Bun.file(file).bytes();
}

/** The path of a package's file; those of several versions can be there at the same time. */
function fileName({ name, version = "1", folder = "." }: TestPackage): string {
  return `${folder}/${name}_${version.replaceAll(":", "%3a")}.deb`;
}

async function writeWithFolder(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content, { mode });
}

function stanza(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
