import { readFile } from "node:fs/promises";
import type { NixFolders } from "../nix-environment.ts";
import type { StorePathInfo } from "./nix-store.ts";

/** The outputs at the start of a derivation's file: `Derive([("NAME","PATH","…","…"),…],`. */
const OUTPUTS = /^Derive\(\[((?:\("[^"]*","[^"]*","[^"]*","[^"]*"\),?)+)\]/;
const OUTPUT = /\("([^"]*)","([^"]*)"/g;

/**
 * The name of the output at a path for Nix's commands: `PATH.drv!NAME`. `undefined` if its derivation is not in the
 * store.
 */
export async function outputNameOf(
  { path, deriver }: StorePathInfo,
  folders: NixFolders,
): Promise<string | undefined> {
  if (deriver === undefined) return undefined;
  const text = await readFile(folders.fileOf(deriver), "utf8").catch(() => undefined);
  const outputs = OUTPUTS.exec(text ?? "")?.[1] ?? "";
  const output = [...outputs.matchAll(OUTPUT)].find((match) => match[2] === path)?.[1];
  return output === undefined ? undefined : `${deriver}!${output}`;
}
