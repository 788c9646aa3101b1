import { join } from "node:path";
import { mustRun } from "../../test/support/command.ts";
import type { PackageRepository } from "./package-repository.ts";

/** The column heading of mmdebstrap. */
export const MMDEBSTRAP = "mmdebstrap";

/**
 * Has mmdebstrap install the packages of an image into a folder below `folder`, which it removes again; resolves to the
 * seconds that it took.
 *
 * @throws {Error} if it installed other packages
 */
export async function installSeconds(
  { sourcesFile, closures }: PackageRepository,
  image: string,
  folder: string,
): Promise<number> {
  const packages = closures.get(image) ?? [];
  const target = join(folder, "tree");
  const startedAt = performance.now();
  await mustRun([
    ...["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", "--format=directory"],
    // As debootstrap does it and an image has it: /bin is a link from the beginning.
    ...["--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr", `--include=${packages.join(",")}`],
    ...["", target, sourcesFile],
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in
  const format = "--showformat=${Package}\n";
  const installed = await mustRun(["dpkg-query", `--admindir=${target}/var/lib/dpkg`, "--show", format]);
  const difference = new Set(packages).symmetricDifference(new Set(installed.trim().split("\n")));
  if (difference.size > 0) throw new Error(`mmdebstrap differs for ${image}: ${[...difference].join(", ")}`);
  await mustRun(["rm", "-rf", target]);
  return seconds;
}
