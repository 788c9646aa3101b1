import type { ByteRange } from "../oci/byte-range.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Ranges answered in one response. Podman asks for up to 1,024, the chunks of a zstd:chunked layer that it lacks. */
const MAX_RANGES = 1024;

const RANGE = /^(\d{0,15})-(\d{0,15})$/;

/**
 * The ranges that a `Range` header asks for of `size` bytes, half-open, in the order asked.
 *
 * @returns `undefined` when the whole is to be sent: no header, another unit, or ranges so many or so overlapping that
 * the whole costs less (RFC 9110, section 14.2)
 * @throws {RegistryError} `range-not-satisfiable` when none of them lies in the content, or one is malformed
 */
export function parseRanges(header: string | null, size: number): readonly ByteRange[] | undefined {
  if (header === null || !/^bytes=/i.test(header)) return undefined;
  const specs = header.slice("bytes=".length).split(",");
  if (specs.length > MAX_RANGES) return undefined;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = parseRange(spec.trim(), size);
    if (range === "malformed") throw unsatisfiable(size);
    if (range !== undefined) ranges.push(range);
  }
  if (ranges.length === 0) throw unsatisfiable(size);
  const asked = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  return asked > size ? undefined : ranges;
}

function parseRange(spec: string, size: number): ByteRange | "malformed" | undefined {
  const match = RANGE.exec(spec);
  if (match === null) return "malformed";
  const [first, last] = [match[1] ?? "", match[2] ?? ""];
  if (first === "") {
    if (last === "") return "malformed";
    const length = Math.min(Number(last), size);
    return length === 0 ? undefined : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  if (last !== "" && Number(last) < start) return "malformed";
  return start >= size ? undefined : { start, end };
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError("range-not-satisfiable", "requested range not satisfiable", { detail: { size } });
}

/** The `Content-Range` of one range, whose ends are inclusive there. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}
