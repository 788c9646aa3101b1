import { RegistryError } from "../../../oci/registry-error.ts";
import { archiveOf } from "../../archive/archive-writer.ts";
import type { StreamedEntry } from "../../archive/tar-reader.ts";
import type { StepContext } from "../../package-source.ts";
import type { StageFile } from "../../sandbox/sandbox.ts";
import type { PackageFiles } from "../package-files.ts";
import { cleanTreePath } from "../tree-path.ts";
import { NEW_CONFFILE } from "./dpkg-package.ts";
import type { PlanStep } from "./dpkg-plan.ts";
import type { FileOwner, SharedFile } from "./shared-files.ts";

/** The folder of the tree with what {@link placingFiles} gives. */
export const PLACING_FOLDER = "/tmp";
const MAX_BYTES = 256 << 20;

/**
 * The files with which the configure script puts each package's shared files in their place, as dpkg does when it unpacks
 * the package: `place-NAME.list` with a line `INDEX ROLE ENDING PATH` for each, `place-NAME.tar` with their content by index, and
 * `place-shared` with all paths. The ending of a name is `now` if there is none.
 *
 * @param delayed the configuration files that configuring their packages puts in place
 */
export async function placingFiles(
  shared: readonly SharedFile[],
  delayed: ReadonlySet<string>,
  files: PackageFiles,
  context: StepContext,
): Promise<readonly StageFile[]> {
  const owned = Map.groupBy(shared.flat(), ({ name }) => name);
  const made = [
    textFile(
      "place-shared",
      shared.flat().map(({ packagedPath }) => packagedPath),
    ),
  ];
  const visit = async (name: string, entries: AsyncIterable<StreamedEntry>) => {
    const own = owned.get(name) ?? [];
    const tar = await collect(archiveOf(async (archive) => copyOwned(archive, name, own, entries)));
    const endingOf = (path: string) => (delayed.has(path) ? NEW_CONFFILE : "now");
    const lines = own.map(
      ({ role, packagedPath: path }, index) => `${index} ${role} ${endingOf(path)} ${path}`,
    );
    made.push(textFile(`place-${name}.list`, lines), stageFile(`place-${name}.tar`, tar));
  };
  await files.read([...owned.keys()].toSorted(), visit, context);
  return made;
}

/** The steps of a plan with those that place shared files: after a package's preinst, or at the beginning without one. */
export function withPlacing(steps: readonly PlanStep[], shared: readonly SharedFile[]): readonly PlanStep[] {
  const names = [...new Set(shared.flat().map(({ name }) => name))].toSorted();
  const prepared = new Set(steps.flatMap((step) => (step.kind === "preinst" ? [step.name] : [])));
  const place = (name: string): PlanStep => ({ kind: "place", name });
  return [
    ...names.filter((name) => !prepared.has(name)).map(place),
    ...steps.flatMap((step) =>
      step.kind === "preinst" && names.includes(step.name) ? [step, place(step.name)] : [step],
    ),
  ];
}

async function copyOwned(
  archive: Parameters<Parameters<typeof archiveOf>[0]>[0],
  name: string,
  own: readonly FileOwner[],
  entries: AsyncIterable<StreamedEntry>,
): Promise<void> {
  const places = new Map(own.map(({ packagedPath }, index) => [packagedPath.slice(1), String(index)]));
  for await (const entry of entries) {
    const path = places.get(cleanTreePath(Buffer.from(entry.path, "latin1").toString("utf8")));
    if (path === undefined) continue;
    if (entry.type === "link") throw cannotPlace(name, "a hard link that another package has too");
    const { type, mode, userId, groupId, size, capability } = entry;
    const modifiedAt = new Date(entry.modifiedAt * 1000);
    const linkTarget = entry.linkTarget === "" ? undefined : Buffer.from(entry.linkTarget, "latin1");
    const placed = { path, type, mode, userId, groupId, modifiedAt, linkTarget, capability };
    await archive.writeStream(placed, size, entry.content);
  }
}

async function collect(archive: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of archive) {
    size += chunk.byteLength;
    if (size > MAX_BYTES) throw new RegistryError("build-failed", "files that packages share are too large");
    chunks.push(chunk.slice());
  }
  return Buffer.concat(chunks);
}

function cannotPlace(name: string, what: string): RegistryError {
  return new RegistryError("build-failed", `the package ${name} could not be unpacked: it has ${what}`, {
    detail: { package: name },
  });
}

function textFile(name: string, lines: readonly string[]): StageFile {
  return stageFile(name, Buffer.from(lines.map((line) => `${line}\n`).join("")));
}

function stageFile(name: string, bytes: Uint8Array): StageFile {
  return { path: `${PLACING_FOLDER}/${name}`, bytes, mode: 0o444 };
}
