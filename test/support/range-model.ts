// A small model of conditional and range requests, written only from RFC 9110. It shares no code with the server.

/** The content of a GET without any of these headers. */
export interface ModelContent {
  readonly size: number;
  /** Text of its entity tag, between the quotes; the tag is strong. */
  readonly tag: string;
  /** Whether the resource answers ranges; the `Range` header is ignored otherwise. */
  readonly ranges: boolean;
}

/** The expected answer to a request for existing content. */
export type ModelAnswer =
  | { readonly status: 200 | 304 | 400 | 412 | 416 }
  /** Ranges as first and last position, in the requested order. */
  | { readonly status: 206; readonly ranges: readonly (readonly [number, number])[] };

/** Header lines by their name in lower case. */
export type ModelHeaders = Readonly<Record<string, string | undefined>>;

/** Maximum ranges that the server answers. For more, it sends the whole content, which section 14.2 allows. */
const MOST_RANGES = 1024;

/** The order of section 13.2.2. Content has no modification date, so conditions on dates are ignored. */
export function modelAnswer(
  method: "GET" | "HEAD",
  headers: ModelHeaders,
  content: ModelContent,
): ModelAnswer {
  const ifMatch = headers["if-match"];
  if (ifMatch !== undefined && ifMatch.trim() !== "*") {
    const tags = tagsOf(ifMatch);
    // The server's own choice: a malformed header is a client error.
    if (tags === undefined || tags.length === 0) return { status: 400 };
    if (!tags.includes(`"${content.tag}"`)) return { status: 412 };
  }
  const ifNoneMatch = headers["if-none-match"];
  if (ifNoneMatch !== undefined && matchesWeakly(ifNoneMatch, content.tag)) return { status: 304 };
  const range = headers.range;
  // The server's own choice, which section 14.2 allows: a range of empty content is ignored.
  const hasRanges = content.ranges && content.size > 0;
  if (method !== "GET" || range === undefined || !hasRanges) return { status: 200 };
  const ifRange = headers["if-range"];
  if (ifRange !== undefined && ifRange.trim() !== `"${content.tag}"`) return { status: 200 };
  return rangeAnswer(range, content.size);
}

/** Sections 14.1.1, 14.1.2 and 14.2. */
function rangeAnswer(header: string, size: number): ModelAnswer {
  const equals = header.indexOf("=");
  if (equals < 0 || header.slice(0, equals).toLowerCase() !== "bytes") return { status: 200 };
  const specs = listElements(header.slice(equals + 1));
  if (specs.length === 0 || specs.length > MOST_RANGES) return { status: 200 };
  const ranges: [number, number][] = [];
  let satisfiable = false;
  for (const spec of specs) {
    const dash = spec.indexOf("-");
    const [first, last] = [spec.slice(0, Math.max(0, dash)), spec.slice(dash + 1)];
    if (dash < 0 || !isDigits(first + last) || (first === "" && last === "")) return { status: 200 };
    if (first !== "" && last !== "" && BigInt(last) < BigInt(first)) return { status: 200 };
    if (first === "" ? BigInt(last) > 0n : BigInt(first) < BigInt(size)) satisfiable = true;
    else continue;
    const end = BigInt(size) - 1n;
    const from = first === "" ? BigInt(size) - BigInt(last) : BigInt(first);
    const to = first === "" || last === "" || BigInt(last) > end ? end : BigInt(last);
    ranges.push([Number(from < 0n ? 0n : from), Number(to)]);
  }
  if (!satisfiable) return { status: 416 };
  // The server's own choice: the whole content if the ranges are longer in total.
  const asked = ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
  return asked > size ? { status: 200 } : { status: 206, ranges };
}

/** The elements of a list, without empty ones (section 5.6.1.2). */
function listElements(text: string): readonly string[] {
  const elements: string[] = [];
  let element = "";
  for (const character of `${text},`) {
    if (character !== ",") element += character;
    else {
      while (element.startsWith(" ") || element.startsWith("\t")) element = element.slice(1);
      while (element.endsWith(" ") || element.endsWith("\t")) element = element.slice(0, -1);
      if (element !== "") elements.push(element);
      element = "";
    }
  }
  return elements;
}

function isDigits(text: string): boolean {
  return [...text].every((character) => character >= "0" && character <= "9");
}

/** The tags of a list, weak ones with their `W/`; `undefined` if it is malformed. For tags without commas. */
function tagsOf(header: string): readonly string[] | undefined {
  const elements = listElements(header);
  const isTag = (element: string) => {
    const opaque = element.startsWith("W/") ? element.slice(2) : element;
    const inner = opaque.slice(1, -1);
    return opaque.length >= 2 && opaque === `"${inner}"` && !inner.includes('"') && !inner.includes(" ");
  };
  return elements.every(isTag) ? elements : undefined;
}

function matchesWeakly(header: string, tag: string): boolean {
  if (header.trim() === "*") return true;
  const tags = tagsOf(header);
  if (tags !== undefined) return tags.some((each) => each === `"${tag}"` || each === `W/"${tag}"`);
  // The server's own choice: a bare digest counts, since clients send it.
  return listElements(header).includes(tag);
}
