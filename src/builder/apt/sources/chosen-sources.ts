import type { BuildSources } from "./build-sources.ts";
import { imageSourcesText } from "./image-sources.ts";
import { parseSources, type SourceEntry, type SourcesFormat } from "./source-entry.ts";
import { APT_PACKAGE, type SourcesFile, sourcesPath } from "./sources-file.ts";

/** Which sources an image with apt has: those of its build, none, or those that the operator gave. */
export type ImageSources =
  | { readonly kind: "build" }
  | { readonly kind: "none" }
  | { readonly kind: "given"; readonly text: string; readonly format: SourcesFormat };

/** The sources of one image, and why some are left out. */
export interface ChosenSources {
  readonly file: SourcesFile | undefined;
  readonly leftOut: readonly string[];
}

const NOTHING: ChosenSources = { file: undefined, leftOut: [] };
const MAX_TEXT_LENGTH = 1 << 20;

/**
 * The sources of an image with these packages.
 *
 * @param read gives the sources of the build; called only if the image has them
 */
export async function chooseSources(
  sources: ImageSources,
  names: Iterable<string>,
  architecture: string,
  read: () => Promise<BuildSources>,
): Promise<ChosenSources> {
  const packages = new Set(names);
  if (!packages.has(APT_PACKAGE) || sources.kind === "none") return NOTHING;
  if (sources.kind === "given") {
    const { text, format } = sources;
    return { file: { path: sourcesPath(format, packages), text }, leftOut: [] };
  }
  const { text, leftOut } = imageSourcesText(await read(), { architecture, packages });
  const file = text === undefined ? undefined : { path: sourcesPath("deb822", packages), text };
  return { file, leftOut };
}

/**
 * The sources in a text of the operator, which are written as they are.
 *
 * @throws {Error} that says what is wrong with it, without quoting it
 */
export function parseGivenSources(given: string): ImageSources {
  const text = `${given.replaceAll("\r\n", "\n").trimEnd()}\n`;
  if (text.length > MAX_TEXT_LENGTH) throw new Error("is too long");
  if (/[^\P{Cc}\n\t]/u.test(text) || !text.isWellFormed()) throw new Error("is not text");
  if (/\/\/[^/\s]*@/.test(text)) throw new Error("has a user or password, which everybody could read");
  if (text.includes("PRIVATE KEY")) throw new Error("has a private key");
  const format = /^types:/im.test(text) ? "deb822" : "one-line";
  const entries = parseSources(text, format);
  if (entries.length === 0) throw new Error("has no sources");
  const problem = entries.flatMap((entry, index) => {
    const found = problemOf(entry);
    return found === undefined ? [] : [`its source ${index + 1} ${found}`];
  })[0];
  if (problem !== undefined) throw new Error(problem);
  return { kind: "given", text, format };
}

/** Why apt would refuse a source; `undefined` if it would not. */
function problemOf({ types, uris, suites, components }: SourceEntry): string | undefined {
  const unknown = types.find((type) => type !== "deb" && type !== "deb-src");
  if (unknown !== undefined || types.length === 0) return "is neither of type deb nor deb-src";
  if (uris.length === 0 || !uris.every((uri) => /^[a-z][a-z+.-]*:./i.test(uri))) return "has no address";
  if (suites.length === 0) return "has no suite";
  if (!suites.every((suite) => suite.endsWith("/") === (components.length === 0)))
    return "has to have components, or else suites that are paths and end with a slash";
  return undefined;
}
