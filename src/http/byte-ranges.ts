import type { ByteRange } from "../oci/byte-range.ts";
import { RegistryError } from "../oci/registry-error.ts";

/** Ranges answered in one response; more are taken for an attempt to make the server work (RFC 9110, 14.2). */
const MAX_RANGES = 32;

const RANGE = /^(\d{0,15})-(\d{0,15})$/;

/**
 * The ranges that a `Range` header asks for of `size` bytes, half-open, in the order asked.
 *
 * @returns `undefined` when the whole is to be sent: no header, another unit, or a header that is not understood
 * @throws {RegistryError} `range-not-satisfiable` when none of them lies in the content
 */
export function parseRanges(header: string | null, size: number): readonly ByteRange[] | undefined {
  if (header === null || !/^bytes=/i.test(header)) return undefined;
  const specs = header.slice("bytes=".length).split(",");
  if (specs.length > MAX_RANGES) throw unsatisfiable(size);
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = parseRange(spec.trim(), size);
    if (range === "malformed") throw unsatisfiable(size);
    if (range !== undefined) ranges.push(range);
  }
  if (ranges.length === 0) throw unsatisfiable(size);
  return ranges;
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
