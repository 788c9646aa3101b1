import type { PackageFacts } from "./package-facts.ts";
import { mergedPath } from "./tree-path.ts";

type Library = PackageFacts["libraries"][number];

/** One entry of the cache: a library's name, kind and path. */
interface CacheEntry {
  readonly soname: string;
  readonly flags: number;
  readonly path: string;
}

const MAGIC = "glibc-ld.so.cache1.1";
const HEADER_BYTES = 48;
const ENTRY_BYTES = 24;
const LITTLE_ENDIAN = 2;
const LIBC6 = 0x0003;

/** Kinds of libraries by class and machine (glibc, sysdeps/generic/ldconfig.h). */
const FLAGS: Readonly<Record<string, number>> = {
  "32/3": LIBC6,
  "64/62": LIBC6 | 0x0300,
  "32/62": LIBC6 | 0x0800,
  "64/183": LIBC6 | 0x0a00,
  "32/40": LIBC6 | 0x0900,
};

/** The loader's own folders, searched after those of the configuration. */
const DEFAULT_FOLDERS = ["/lib", "/usr/lib"];
const CONFIGURATION = "etc/ld.so.conf";

/**
 * The content of /etc/ld.so.cache for the libraries of an image, as `ldconfig` writes it.
 *
 * Entries are in the order that the loader's binary search expects. Variants for newer processors (glibc-hwcaps) are
 * left out; the loader then uses the common ones.
 */
export function loaderCache(packages: readonly PackageFacts[]): Uint8Array {
  const entries = cacheEntries(packages);
  const strings: Buffer[] = [];
  const offsets = new Map<string, number>();
  let end = HEADER_BYTES + entries.length * ENTRY_BYTES;
  const offsetOf = (text: string): number => {
    const known = offsets.get(text);
    if (known !== undefined) return known;
    const bytes = Buffer.from(`${text}\0`, "utf8");
    const offset = end;
    strings.push(bytes);
    offsets.set(text, offset);
    end += bytes.byteLength;
    return offset;
  };
  const table = Buffer.alloc(HEADER_BYTES + entries.length * ENTRY_BYTES);
  table.write(MAGIC, 0, "latin1");
  table.writeUInt32LE(entries.length, 20);
  table[28] = LITTLE_ENDIAN;
  for (const [index, entry] of entries.entries()) {
    const at = HEADER_BYTES + index * ENTRY_BYTES;
    table.writeInt32LE(entry.flags, at);
    table.writeUInt32LE(offsetOf(entry.soname), at + 4);
    table.writeUInt32LE(offsetOf(entry.path), at + 8);
  }
  table.writeUInt32LE(end - table.byteLength, 24);
  return Buffer.concat([table, ...strings]);
}

function cacheEntries(packages: readonly PackageFacts[]): readonly CacheEntry[] {
  const byFolder = new Map<string, Library[]>();
  for (const library of packages.flatMap((one) => one.libraries)) {
    byFolder.set(library.folder, [...(byFolder.get(library.folder) ?? []), library]);
  }
  const entries: CacheEntry[] = [];
  for (const folder of searchedFolders(packages)) {
    const found = new Map<string, CacheEntry>();
    for (const { soname, bits, machine } of byFolder.get(mergedPath(folder.slice(1))) ?? []) {
      const flags = FLAGS[`${bits}/${machine}`];
      if (flags !== undefined)
        found.set(`${soname}/${flags}`, { soname, flags, path: `${folder}/${soname}` });
    }
    entries.push(...found.values());
  }
  // The sort is stable: among equal entries, the folder that is searched first stays first.
  return entries.toSorted(
    (left, right) => compareSonames(right.soname, left.soname) || right.flags - left.flags,
  );
}

/** The folders of ld.so.conf and its includes, then the loader's own; each once, in order. */
function searchedFolders(packages: readonly PackageFacts[]): readonly string[] {
  const texts = new Map(packages.flatMap((one) => Object.entries(one.texts)));
  const included = [...texts]
    .filter(([path]) => path.startsWith(`${CONFIGURATION}.d/`))
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([, text]) => text);
  const lines = [...included, texts.get(CONFIGURATION) ?? ""]
    .flatMap((text) => text.split("\n"))
    .map((line) => line.replace(/#.*/, "").trim().replace(/\/+$/, ""))
    .filter((line) => line.startsWith("/"));
  const byPlace = new Map<string, string>();
  for (const folder of [...lines, ...DEFAULT_FOLDERS]) {
    const place = mergedPath(folder.slice(1));
    if (!byPlace.has(place)) byPlace.set(place, folder);
  }
  return [...byPlace.values()];
}

/** Compares sonames, with numbers as numbers (glibc, `_dl_cache_libcmp`). */
export function compareSonames(left: string, right: string): number {
  const tokens = /\d+|\D/gs;
  const lefts = left.match(tokens) ?? [];
  const rights = right.match(tokens) ?? [];
  for (let index = 0; index < Math.max(lefts.length, rights.length); index += 1) {
    const one = lefts[index];
    const other = rights[index];
    if (one === undefined) return -endWeight(other ?? "");
    if (other === undefined) return endWeight(one);
    if (one === other) continue;
    const difference = compareTokens(one, other);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** If one text begins with the other, the longer one is greater. */
function endWeight(token: string): number {
  return token === "" ? 0 : 1;
}

function compareTokens(one: string, other: string): number {
  const digits = /^\d/;
  if (digits.test(one) && digits.test(other)) return Number(one) - Number(other);
  if (digits.test(one)) return 1;
  if (digits.test(other)) return -1;
  return one < other ? -1 : 1;
}
