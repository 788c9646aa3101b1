import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The error output and the exit code of a Nix command. */
export interface NixText {
  readonly exitCode: number;
  readonly stderr: string;
}

/** What one version of Nix writes, by situation. */
export interface NixTexts {
  readonly version: string;
  readonly evaluations: Readonly<Record<string, NixText>>;
  readonly realisations: Readonly<Record<string, NixText>>;
  /** Of `nix-store --realise --dry-run`. */
  readonly plans: Readonly<Record<string, NixText>>;
  readonly tarballs: Readonly<Record<string, NixText>>;
}

/** Where `npm run test:nix-versions -- --record` keeps what it recorded. */
export const NIX_TEXTS_FOLDER = join(import.meta.dir, "../vectors/nix-texts");

/** The recorded texts of all versions. */
export function readNixTexts(): readonly NixTexts[] {
  const files = readdirSync(NIX_TEXTS_FOLDER).filter((name) => name.endsWith(".json"));
  return files
    .toSorted()
    .map((name) => JSON.parse(readFileSync(join(NIX_TEXTS_FOLDER, name), "utf8")) as NixTexts);
}
