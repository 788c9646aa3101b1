import type { ByteRange } from "../bytes/byte-range.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Maximum ranges in one response. Podman requests up to 1,024: the missing chunks of a zstd:chunked layer. */
const MAX_RANGES = 1024;

/** White space at either end of a list element (RFC 9110, section 5.6.3). */
const OUTER_SPACE = /^[ \t]+|[ \t]+$/g;
const SPEC = /^(\d*)-(\d*)$/;
/** Numbers with this many digits are exact. No content is that long. */
const EXACT_DIGITS = 15;

/**
 * The ranges of `size` bytes that a `Range` header asks for, half-open, in the given order (RFC 9110, section 14).
 *
 * @returns `undefined` if the whole content should be sent: without a header, for another unit or a malformed set, if
 * the content is empty, or if the ranges are so many or overlap so much that sending everything costs less (section 14.2)
 * @throws {RegistryError} `range-not-satisfiable` if none of them is in the content
 */
export function parseRanges(header: string | null, size: number): readonly ByteRange[] | undefined {
  // Some clients ask for a range of everything they read. Empty content has none, and 416 would tell them that it failed.
  if (header === null || size === 0 || !/^bytes=/i.test(header)) return undefined;
  const specs = header
    .slice("bytes=".length)
    .split(",")
    .map((spec) => spec.replace(OUTER_SPACE, ""))
    // "A recipient MUST parse and ignore a reasonable number of empty list elements" (section 5.6.1.2).
    .filter((spec) => spec !== "");
  if (specs.length === 0 || specs.length > MAX_RANGES) return undefined;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = parseRange(spec, size);
    if (range === "malformed") return undefined;
    if (range !== undefined) ranges.push(range);
  }
  if (ranges.length === 0) throw unsatisfiable(size);
  const asked = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return asked > size ? undefined : ranges;
}

/** One range; `undefined` if it is beyond the content. */
function parseRange(spec: string, size: number): ByteRange | "malformed" | undefined {
  const match = SPEC.exec(spec);
  if (match === null || spec === "-") return "malformed";
  const [first, last] = [withoutZeros(match[1] ?? ""), withoutZeros(match[2] ?? "")];
  if (first === "") {
    if (last === "0") return undefined;
    return { start: Math.max(0, size - numberOf(last)), end: size };
  }
  if (last !== "" && isLess(last, first)) return "malformed";
  const start = numberOf(first);
  const end = last === "" ? size : Math.min(numberOf(last) + 1, size);
  return start >= size ? undefined : { start, end };
}

function withoutZeros(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}

/** Compares numbers of any length, without leading zeros. */
function isLess(left: string, right: string): boolean {
  return left.length === right.length ? left < right : left.length < right.length;
}

/** Parses a number. The result is exact up to the size of any content, and infinite beyond that. */
function numberOf(digits: string): number {
  return digits.length > EXACT_DIGITS ? Number.POSITIVE_INFINITY : Number(digits);
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError("range-not-satisfiable", "requested range not satisfiable", { detail: { size } });
}

/** The `Content-Range` of one range. Its ends are inclusive in HTTP. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}
