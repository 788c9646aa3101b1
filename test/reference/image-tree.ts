import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../support/command.ts";

/** How an image is built for a comparison. */
export interface ImageTreeOptions {
  /** Slipway's data folder, which is kept: another image is built faster there. */
  readonly data: string;
  /** Folder for the tree, which must not exist. */
  readonly folder: string;
}

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const SETTINGS = { SLIPWAY_BUILDER_SEARCH: "false", SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox" };

/** Builds the image of Debian packages with `slipway build`, and unpacks it as root. Resolves to the folder of its tree. */
export async function buildImageTree(
  packages: readonly string[],
  { data, folder }: ImageTreeOptions,
): Promise<string> {
  const layout = join(folder, "layout");
  await mkdir(folder, { recursive: true });
  const build = [process.execPath, "--no-orphans", MAIN, "build", imageName(packages)];
  await mustRun([...build, "--quiet", "--output", `oci:${layout}`], { ...SETTINGS, SLIPWAY_DATA: data });
  const bundle = join(folder, "bundle");
  await mustRun(["umoci", "unpack", "--image", `${layout}:latest`, bundle]);
  await rm(layout, { recursive: true });
  return join(bundle, "rootfs");
}

/** The packages in a tree, as `name:architecture=version`, in dpkg's order. */
export async function packagesOf(tree: string): Promise<readonly string[]> {
  const format = "$" + "{Package}:$" + "{Architecture}=$" + "{Version}\\n";
  const query = ["dpkg-query", `--admindir=${join(tree, "var/lib/dpkg")}`, "--show", "--showformat", format];
  return (await mustRun(query)).trimEnd().split("\n");
}

/** The name of the image with these packages. */
function imageName(packages: readonly string[]): string {
  return ["apt", ...packages.map((name) => name.replaceAll("+", "_plus"))].join("/");
}
