import { readFile, stat } from "node:fs/promises";
import { absent, errorCode } from "../../../files/system-error.ts";
import { publicKeysIn } from "./public-keys.ts";
import { formatOfFile, parseSources, type SourceEntry } from "./source-entry.ts";

/** The sources that apt reads on this host, with the keys that they name. */
export interface BuildSources {
  /** In apt's order. */
  readonly entries: readonly SourceEntry[];
  /** The public keys of keyrings, by path. Those that cannot be read, or hold more than that, are absent. */
  readonly keyrings: ReadonlyMap<string, Uint8Array>;
}

/** Far larger than that of a distribution. */
const MAX_KEYRING_BYTES = 1 << 20;

/** Reads the sources in these files, and their keyrings. Files that have gone have none. */
export async function readBuildSources(files: readonly string[]): Promise<BuildSources> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(absent)));
  const entries = texts.flatMap((text = "", index) => parseSources(text, formatOfFile(files[index] ?? "")));
  const paths = new Set(entries.flatMap(keyringPaths));
  const keyrings = new Map<string, Uint8Array>();
  for (const path of paths) {
    const keys = await readKeyring(path);
    if (keys !== undefined) keyrings.set(path, keys);
  }
  return { entries, keyrings };
}

/** What a source's `Signed-By` names: paths of keyrings and fingerprints. None if it holds the keys themselves. */
export function signersOf({ options }: SourceEntry): readonly string[] {
  const text = options.get("signed-by") ?? "";
  return hasKeyBlock(text) ? [] : text.split(/[\s,]+/).filter((word) => word !== "");
}

/** Whether a value of `Signed-By` holds the keys themselves. */
export function hasKeyBlock(text: string): boolean {
  return text.includes("-----BEGIN");
}

function keyringPaths(entry: SourceEntry): readonly string[] {
  return signersOf(entry).filter((signer) => signer.startsWith("/"));
}

/** apt itself goes on without a keyring that it cannot read. */
async function readKeyring(path: string): Promise<Uint8Array | undefined> {
  try {
    const { size } = await stat(path);
    return size > MAX_KEYRING_BYTES ? undefined : publicKeysIn(await readFile(path));
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}
