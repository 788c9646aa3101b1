/** Maximum nesting; the deepest manifests in use have six levels. */
const MAX_DEPTH = 64;

/** Maximum values, which limits the time and memory to parse a text of a few MiB. */
const MAX_VALUES = 300_000;

/** Maximum members of one object. */
const MAX_MEMBERS = 10_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [MINUS, POINT, ZERO, NINE, UPPER_E, LOWER_E] = [0x2d, 0x2e, 0x30, 0x39, 0x45, 0x65];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The problem with a text that is not JSON, or that two parsers can read differently. */
export class JsonProblem extends Error {
  override readonly name = "JsonProblem";
}

/**
 * Parses JSON that every parser reads in the same way.
 *
 * Refuses duplicate keys: parsers differ in which one they take, so a client could run a different image than the
 * registry checked (RFC 8259, section 4). Also refuses a byte order mark, text that is not UTF-8, and text with too
 * many levels or values, before it builds anything. Checks the text in one linear pass.
 *
 * An integer that is not written as one, such as `2.0`, `9e0` or `-0`, becomes `NaN`. Some parsers read it as an integer,
 * and others, such as Go's, refuse the whole text if they expect one there.
 *
 * @throws {JsonProblem}
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new JsonProblem("is not UTF-8");
  }
  const scan = new Scan(text);
  scan.run();
  try {
    return scan.hasOddNumbers ? JSON.parse(text, integersInDigits) : JSON.parse(text);
  } catch {
    throw new JsonProblem("is not JSON");
  }
}

const INTEGER = /^(?:0|-?[1-9]\d*)$/;

/** A reviver. The engine passes it the text of each number. */
function integersInDigits(
  _key: string,
  value: unknown,
  { source }: { readonly source?: string } = {},
): unknown {
  return Number.isInteger(value) && source !== undefined && !INTEGER.test(source) ? Number.NaN : value;
}

/** Scans the brackets and keys of a text, which may not be JSON. */
class Scan {
  readonly #text: string;
  /** The open objects and arrays around the current position: the keys so far, or `undefined` for an array. */
  readonly #open: (Set<string> | undefined)[] = [];
  #values = 0;
  #isAtKey = false;
  /** Whether a number has a point, an exponent or a negative zero. */
  hasOddNumbers = false;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    for (let i = 0; i < this.#text.length; i++) {
      switch (this.#text.charCodeAt(i)) {
        case OPEN_OBJECT:
          this.#enter(new Set());
          break;
        case OPEN_ARRAY:
          this.#enter(undefined);
          break;
        case CLOSE_OBJECT:
        case CLOSE_ARRAY:
          this.#open.pop();
          this.#isAtKey = false;
          break;
        case COMMA:
          this.#count();
          this.#isAtKey = this.#open.at(-1) !== undefined;
          break;
        case QUOTE:
          i = this.#string(i);
          break;
        case POINT:
        case UPPER_E:
          this.hasOddNumbers = true;
          break;
        case LOWER_E:
          // Not the one in `true` and `false`.
          this.hasOddNumbers ||= isDigit(this.#text.charCodeAt(i - 1));
          break;
        case MINUS:
          this.hasOddNumbers ||= this.#text.charCodeAt(i + 1) === ZERO;
      }
    }
  }

  #count(): void {
    this.#values += 1;
    if (this.#values > MAX_VALUES) throw new JsonProblem("has too many parts");
  }

  #enter(keys: Set<string> | undefined): void {
    this.#count();
    if (this.#open.length === MAX_DEPTH) throw new JsonProblem(`is nested deeper than ${MAX_DEPTH} levels`);
    this.#open.push(keys);
    this.#isAtKey = keys !== undefined;
  }

  /** Skips the string that begins at `start`, and records it if it is a key; returns the index of its closing quote. */
  #string(start: number): number {
    const end = endOfString(this.#text, start);
    const keys = this.#open.at(-1);
    if (!this.#isAtKey || keys === undefined) return end;
    this.#isAtKey = false;
    const key = unescaped(this.#text.slice(start, end + 1));
    if (keys.has(key)) throw new JsonProblem(`has the key ${JSON.stringify(key.slice(0, 100))} twice`);
    if (keys.size === MAX_MEMBERS) throw new JsonProblem("has an object with too many keys");
    keys.add(key);
    return end;
  }
}

function isDigit(code: number): boolean {
  return ZERO <= code && code <= NINE;
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i += 1;
    else if (code === QUOTE) return i;
  }
  throw new JsonProblem("is not JSON");
}

/** The text of a quoted string, without escapes: a key can be written in two ways. */
function unescaped(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted);
  } catch {
    throw new JsonProblem("is not JSON");
  }
}
