import { readFile } from "node:fs/promises";
import { type ImageSources, parseGivenSources } from "../builder/apt/sources/chosen-sources.ts";
import { ConfigError } from "../config/load-config.ts";

/**
 * The sources for images that the setting `builder.apt.imageSources` chooses. Reads its file, if it names one.
 *
 * @throws {ConfigError} if they are no sources of apt, or hold credentials
 */
export async function readImageSources(setting: string): Promise<ImageSources> {
  if (setting === "build" || setting === "none") return { kind: setting };
  // A path has neither; every text of sources has one of them.
  const isText = setting.includes("\n") || /^deb(?:-src)?\s/.test(setting);
  const where = isText ? "" : `${setting}: `;
  try {
    return parseGivenSources(isText ? setting : await readFile(setting, "utf8"));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError([`builder.apt.imageSources: ${where}${reason}`]);
  }
}
