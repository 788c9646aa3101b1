import { readFile, writeFile } from "node:fs/promises";
import { mustRun } from "./command.ts";
import type { DebianRepository } from "./debian-repository.ts";

/** Writes a sources file with the host's repositories and `repository`, for packages that depend on real ones. */
export async function writeSourcesWithHost(file: string, repository: DebianRepository): Promise<void> {
  const format = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
  const targets = await mustRun(["apt-get", "indextargets", "--format", format, "Created-By: Packages"]);
  const own = await readFile(repository.sourcesFile, "utf8");
  await writeFile(file, [...new Set(targets.trimEnd().split("\n")), own].join("\n"));
}
