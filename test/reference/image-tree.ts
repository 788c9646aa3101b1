import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { mustRun } from "../support/command.ts";
import { ELSEWHERE, onOtherHost } from "../support/elsewhere.ts";
import type { ReadableCheckout } from "../support/readable-checkout.ts";

/** How an image is built for a comparison. */
export interface ImageTreeOptions {
  /** Slipway's data folder, which is kept: another image is built faster there. */
  readonly data: string;
  /** Folder for the tree, which must not exist. */
  readonly folder: string;
}

/** An unpacked image. */
export interface ImageTree {
  /** Folder of its files. */
  readonly path: string;
  /** Digest of its manifest. */
  readonly digest: string;
}

const MAIN = join(import.meta.dir, "../../src/cli/main.ts");
const SETTINGS = { SLIPWAY_BUILDER_SEARCH: "false", SLIPWAY_BUILDER_APT_CONFIGURE: "sandbox" };

/** Builds the image of Debian packages with `slipway build`, and unpacks it as root. */
export async function buildImageTree(
  packages: readonly string[],
  { data, folder }: ImageTreeOptions,
): Promise<ImageTree> {
  const layout = join(folder, "layout");
  await mkdir(folder, { recursive: true });
  const build = [process.execPath, "--no-orphans", MAIN, "build", imageName(packages)];
  const environment = { ...SETTINGS, SLIPWAY_DATA: data };
  const digest = digestIn(await mustRun([...build, "--quiet", "--output", `oci:${layout}`], environment));
  const bundle = join(folder, "bundle");
  await mustRun(["umoci", "unpack", "--image", `${layout}:latest`, bundle]);
  await rm(layout, { recursive: true });
  return { path: join(bundle, "rootfs"), digest };
}

/**
 * Builds the image as the user `nobody`, on a host of another name, with another time zone, locale and mode mask. Resolves
 * to the digest of its manifest.
 *
 * @param data name of Slipway's data folder in the checkout's folder, made if missing
 */
export async function buildElsewhere(
  packages: readonly string[],
  checkout: ReadableCheckout,
  data: string,
): Promise<string> {
  const folder = checkout.folder(data);
  const build = checkout.command(["src/cli/main.ts", "build", imageName(packages), "--quiet"]);
  return digestIn(await mustRun(onOtherHost(build), { ...SETTINGS, ...ELSEWHERE, SLIPWAY_DATA: folder }));
}

/** The digest in what `slipway build` prints. */
function digestIn(printed: string): string {
  return printed.trim().split("@").at(-1) ?? "";
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
