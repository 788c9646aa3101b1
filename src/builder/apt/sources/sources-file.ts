import { archiveOf } from "../../archive/archive-writer.ts";
import { LayerTree } from "../../archive/layer-tree.ts";
import { parseStageFacts } from "../../debian/configure/stage-layer.ts";
import { newestModification, parseFacts } from "../../debian/package-facts.ts";
import type { DerivedLayer } from "../../package-source.ts";
import type { DebianPackage } from "../debian-package.ts";
import type { SourcesFormat } from "./source-entry.ts";

/** Where an image's sources can be. */
export const SOURCES_PATHS = [
  "etc/apt/sources.list.d/debian.sources",
  "etc/apt/sources.list.d/ubuntu.sources",
  "etc/apt/sources.list",
] as const;

/** The file with an image's sources. */
export interface SourcesFile {
  readonly path: (typeof SOURCES_PATHS)[number];
  readonly text: string;
}

/** The package whose images have sources. */
export const APT_PACKAGE = "apt";

/** Where the distribution's own images have their sources, if they are in this format. */
export function sourcesPath(format: SourcesFormat, packages: ReadonlySet<string>): SourcesFile["path"] {
  const [debian, ubuntu, lines] = SOURCES_PATHS;
  if (format === "one-line") return lines;
  const isUbuntu = packages.has("ubuntu-keyring") && !packages.has("debian-archive-keyring");
  return isUbuntu ? ubuntu : debian;
}

/**
 * The layer with an image's sources: the last one, so that scripts have not seen them, and no other layer depends on
 * them. It has the image's time.
 */
export function sourcesLayer({ path, text }: SourcesFile, closure: readonly DebianPackage[]): DerivedLayer {
  return {
    above: "all",
    inputs: ["apt-sources", path, text, ...closure.map(({ sha256 }) => sha256).toSorted()],
    description: "apt's sources",
    make: (below) => ({
      archive: archiveOf(async (archive) => {
        const packaged = below.map(({ facts }) => facts).filter((one) => parseStageFacts(one) === undefined);
        const modifiedAt = newestModification(parseFacts(packaged));
        await new LayerTree(archive).addFile(path, Buffer.from(text), modifiedAt);
      }),
      facts: () => "[]",
    }),
  };
}
