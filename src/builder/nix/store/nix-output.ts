import type { StorePathInfo } from "./nix-store.ts";

/** The lines of a text that are not empty. */
export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

/**
 * Parses the output of `nix-store --dump-db`. For each path it has these lines: the path, its hash, its size, its
 * deriver or an empty line, the number of its references, and the references.
 */
export function parseDump(text: string): readonly StorePathInfo[] {
  const lines = text.split("\n");
  const infos: StorePathInfo[] = [];
  for (let at = 0; at + 4 < lines.length; ) {
    const [path = "", narHash = "", narSize, deriver = "", count] = lines.slice(at, at + 5);
    const end = at + 5 + Number(count);
    const references = lines.slice(at + 5, end);
    infos.push({ path, narHash, narSize: Number(narSize), references, ...(deriver !== "" && { deriver }) });
    at = end;
  }
  return infos;
}

/** Adds up the sizes in the output of `nix-store --dump-db`, line by line, without keeping it. */
export class DumpSizes {
  /** Bytes of all paths so far. */
  bytes = 0;
  #field = 0;
  #references = 0;

  /** Reads the next line, given without its line end. */
  add(line: string): void {
    if (this.#field === 2) this.bytes += Number(line);
    if (this.#field === 4) this.#references = Number(line);
    this.#field += 1;
    if (this.#field >= 5 && this.#field === 5 + this.#references) {
      this.#field = 0;
      this.#references = 0;
    }
  }
}

/** What realising would do. */
export interface RealisePlan {
  /** Bytes to download from binary caches, counted unpacked. */
  readonly fetchedBytes: number;
  /** Names of the packages to build, such as `hello-2.10`. */
  readonly built: readonly string[];
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Parses the output of `nix-store --realise --dry-run`: headings, each with indented paths below it. */
export function parsePlan(text: string): RealisePlan {
  const [, amount, unit = ""] = /will be fetched \([^)]*?([\d.]+) ([KMGT]?i?B) unpacked\)/.exec(text) ?? [];
  const fetchedBytes = amount === undefined ? 0 : Number(amount) * 1024 ** Math.max(0, UNITS.indexOf(unit));
  const [, building = ""] = /will be built:\n((?: +\S+\n?)*)/.exec(text) ?? [];
  const built = linesOf(building).map((line) => line.trim().replace(/^\/nix\/store\/[^-]+-(.*)\.drv$/, "$1"));
  return { fetchedBytes, built };
}
