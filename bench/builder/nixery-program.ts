import { chmod, cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../test/support/command.ts";

const MODULE = "github.com/google/nixery";

/** Nixery, built from source. */
export interface NixeryProgram {
  readonly server: string;
  /** Folder with the program that it calls, for its search path. */
  readonly programs: string;
  /** Its commit or its module's version. */
  readonly version: string;
}

/** Nixery's program, or why there is none, in one line. */
export type NixerySearch = NixeryProgram | { readonly missing: string };

/**
 * Builds Nixery in `folder`, with the wrapper for its Nix expressions that its packaging would add.
 *
 * @param sources folder of its sources; without one, they come from the Go module
 */
export async function buildNixery(folder: string, sources: string | undefined): Promise<NixerySearch> {
  if (Bun.which("go") === null) return { missing: "there is no Go to build it with" };
  const origin = sources === undefined ? await moduleSources() : await checkedOut(sources);
  if ("missing" in origin) return origin;
  const tree = join(folder, "sources");
  await cp(origin.path, tree, { recursive: true });
  await run(["chmod", "-R", "u+w", tree]);
  const programs = join(folder, "programs");
  await mkdir(programs);
  const server = join(programs, "nixery-server");
  const command = ["go", "build", "-C", tree, "-mod=mod", "-buildvcs=false", "-trimpath", "-o", server];
  const { exitCode, stderr } = await run([...command, "./cmd/server"], { CGO_ENABLED: "0" });
  if (exitCode !== 0) return { missing: `Go cannot build it: ${lastLine(stderr)}` };
  await writePrepareImage(join(programs, "nixery-prepare-image"), join(tree, "prepare-image"));
  return { server, programs, version: origin.version };
}

type Origin = { readonly path: string; readonly version: string } | { readonly missing: string };

async function moduleSources(): Promise<Origin> {
  const { stdout } = await run(["go", "mod", "download", "-json", `${MODULE}@latest`]);
  const { Dir: path, Version: version = "" } = JSON.parse(stdout || "{}") as Readonly<Record<string, string>>;
  if (path !== undefined) return { path, version };
  return { missing: `Go cannot download ${MODULE}; give its sources with --nixery` };
}

async function checkedOut(path: string): Promise<Origin> {
  const { exitCode, stdout } = await run(["git", "-C", path, "log", "-1", "--format=%h, %cs"]);
  return { path, version: exitCode === 0 ? stdout.trim() : "of unknown version" };
}

/** Writes the program that the server calls, with its own options for `nix-build`. */
async function writePrepareImage(path: string, expressions: string): Promise<void> {
  const loader = `--argstr loadPkgs ${expressions}/load-pkgs.nix`;
  const script = `#!/bin/sh
exec nix-build --show-trace --no-out-link "$@" ${loader} ${expressions}/prepare-image.nix
`;
  await writeFile(path, script);
  await chmod(path, 0o755);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
