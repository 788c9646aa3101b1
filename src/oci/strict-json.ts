/** Nesting taken; the deepest manifest in use has six levels. */
const MAX_DEPTH = 64;

/** Values taken, which bounds the time and memory that a text of a few MiB may cost once it is parsed. */
const MAX_VALUES = 300_000;

/** Members of one object taken. */
const MAX_MEMBERS = 10_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** A text that is no JSON, or that two readers may understand differently; the message says which. */
export class JsonProblem extends Error {
  override readonly name = "JsonProblem";
}

/**
 * The value of a JSON text that every reader understands alike.
 *
 * Refuses objects with a key twice: parsers differ in which one they take, so a client could run another image than
 * the registry checked (RFC 8259, section 4). Refuses a byte order mark, text that is not UTF-8, and texts whose depth
 * or number of parts is out of all proportion, before anything is built from them. Takes one linear pass.
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
  new Scan(text).run();
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonProblem("is not JSON");
  }
}

/** One pass over the brackets and keys of a text, which need not be JSON. */
class Scan {
  readonly #text: string;
  /** What is open around the current place: the keys of an object so far, or `undefined` for an array. */
  readonly #open: (Set<string> | undefined)[] = [];
  #values = 0;
  #atKey = false;

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
          this.#atKey = false;
          break;
        case COMMA:
          this.#count();
          this.#atKey = this.#open.at(-1) !== undefined;
          break;
        case QUOTE:
          i = this.#string(i);
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
    this.#atKey = keys !== undefined;
  }

  /** Passes over the string that begins at `start`, noting it when it is a key; resolves to its closing quote. */
  #string(start: number): number {
    const end = endOfString(this.#text, start);
    const keys = this.#open.at(-1);
    if (!this.#atKey || keys === undefined) return end;
    this.#atKey = false;
    const key = unescaped(this.#text.slice(start, end + 1));
    if (keys.has(key)) throw new JsonProblem(`has the key ${JSON.stringify(key.slice(0, 100))} twice`);
    if (keys.size === MAX_MEMBERS) throw new JsonProblem("has an object with too many keys");
    keys.add(key);
    return end;
  }
}

function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i += 1;
    else if (code === QUOTE) return i;
  }
  throw new JsonProblem("is not JSON");
}

/** The text of a quoted string; one spelling in two ways is the same key. */
function unescaped(quoted: string): string {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted);
  } catch {
    throw new JsonProblem("is not JSON");
  }
}
