import { createHash } from "node:crypto";
import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "./command.ts";

/** A package of a {@link DebianRepository}; it holds one small file. */
export interface TestPackage {
  readonly name: string;
  readonly version?: string;
  /** More fields of its control file, such as `Depends`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Whether it can be downloaded; others can only be resolved. */
  readonly hasFile?: boolean;
}

/** An apt repository in a folder: small, local, and free to change. */
export interface DebianRepository {
  /** A file for `builder.apt.sourcesFile` with only this repository. */
  readonly sourcesFile: string;
  /** Replaces all packages. apt sees them at its next update. */
  publish(packages: readonly TestPackage[]): Promise<void>;
}

/** Creates a repository without packages in `folder`, which the caller removes. */
export async function createDebianRepository(folder: string): Promise<DebianRepository> {
  const root = join(folder, "debian-repository");
  const sourcesFile = join(folder, "test.list");
  await mkdir(root);
  await writeFile(sourcesFile, `deb [trusted=yes] file:${root} ./\n`);
  let publishedAt = Math.floor(Date.now() / 1000);
  const repository: DebianRepository = {
    sourcesFile,
    async publish(packages) {
      const stanzas = await Promise.all(packages.map((one) => publishPackage(root, one)));
      const index = stanzas.join("\n");
      await writeFile(join(root, "Packages"), index);
      const release = `Codename: test\nSHA256:\n ${sha256(index)} ${Buffer.byteLength(index)} Packages\n`;
      await writeFile(join(root, "Release"), release);
      // apt treats a file with the same time in seconds as unchanged.
      publishedAt += 2;
      for (const name of ["Packages", "Release"]) await utimes(join(root, name), publishedAt, publishedAt);
    },
  };
  await repository.publish([]);
  return repository;
}

/** Makes the package's file, if it has one; resolves to its stanza in the index. */
async function publishPackage(
  root: string,
  { name, version = "1", fields = {}, hasFile = false }: TestPackage,
): Promise<string> {
  const control = {
    Package: name,
    Version: version,
    Architecture: "all",
    Maintainer: "Nobody <nobody@registry.invalid>",
    ...fields,
    Description: "for a test",
  };
  const bytes = hasFile ? await packageFile(root, name, stanza(control)) : new TextEncoder().encode(name);
  const file = { Filename: `./${name}.deb`, Size: String(bytes.byteLength), SHA256: sha256(bytes) };
  return stanza({ ...control, ...file });
}

async function packageFile(root: string, name: string, control: string): Promise<Uint8Array> {
  const tree = join(root, `tree-${name}`);
  const file = join(root, `${name}.deb`);
  await mkdir(join(tree, "DEBIAN"), { recursive: true });
  await mkdir(join(tree, "usr/share", name), { recursive: true });
  await writeFile(join(tree, "DEBIAN/control"), control);
  await writeFile(join(tree, "usr/share", name, "text"), `${name}\n`);
  await mustRun(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, file]);
  await rm(tree, { recursive: true });
  return await Bun.file(file).bytes();
}

function stanza(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join("");
}

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
