import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { installReferenceTree, requirePackages } from "../../test/reference/mmdebstrap-tree.ts";
import type { PackageRepository } from "./package-repository.ts";

/** The column heading of mmdebstrap. */
export const MMDEBSTRAP = "mmdebstrap";

/**
 * Has mmdebstrap install the packages of an image into a new folder below `folder`; resolves to the seconds that it took.
 *
 * @throws {Error} if it installed other packages
 */
export async function installSeconds(
  { sourcesFile, closures }: PackageRepository,
  image: string,
  folder: string,
): Promise<number> {
  const packages = closures.get(image) ?? [];
  const target = join(await mkdtemp(join(folder, "mmdebstrap-")), "tree");
  const startedAt = performance.now();
  await installReferenceTree(packages, target, [sourcesFile]);
  const seconds = (performance.now() - startedAt) / 1000;
  await requirePackages(packages, target);
  return seconds;
}
