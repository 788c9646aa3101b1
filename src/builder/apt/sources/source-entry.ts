import { type ControlStanza, parseStanzas } from "../../debian/control-stanza.ts";

/** The formats of apt's sources files: stanzas of fields, or one line for each source (sources.list(5)). */
export type SourcesFormat = "deb822" | "one-line";

/** One source of apt. Nothing in it is checked. */
export interface SourceEntry {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Its other fields, by their names in deb822 format, in lower case. */
  readonly options: ReadonlyMap<string, string>;
}

/** Options whose names differ between the formats. Their values are lists, with commas in a line. */
const LISTS = new Map([
  ["arch", "architectures"],
  ["lang", "languages"],
  ["target", "targets"],
]);
const LIST_CHANGES = new Map([
  ["+", "-add"],
  ["-", "-remove"],
]);
/** A word of a line: brackets and quotes keep words together, as in `cdrom:[Debian 12]/`. */
const WORD = /(?:\[[^\]]*\]|"[^"]*"|[^\s["])+/g;

/** The format of a file with this name, as apt sees it. */
export function formatOfFile(path: string): SourcesFormat {
  return path.endsWith(".sources") ? "deb822" : "one-line";
}

/** The sources in the text of a file, without those that are switched off. */
export function parseSources(text: string, format: SourcesFormat): readonly SourceEntry[] {
  const plain = text.replaceAll("\r\n", "\n");
  if (format === "one-line") return plain.split("\n").flatMap(parseLine);
  return parseStanzas(plain).filter(isEnabled).map(entryOfStanza);
}

function parseLine(line: string): readonly SourceEntry[] {
  const source = withoutComment(line).trim();
  const match = /^(\S+)\s*(?:\[([^\]]*)\]\s*)?(.*)$/.exec(source);
  if (match === null) return [];
  const [, type = "", options = "", rest = ""] = match;
  const [uri, suite, ...components] = rest.match(WORD) ?? [];
  const one = { types: [type], uris: present(uri), suites: present(suite), components };
  return [{ ...one, options: new Map(wordsOf(options).map(parseOption)) }];
}

/** A number sign in brackets begins no comment. */
function withoutComment(line: string): string {
  return /^(?:\[[^\]]*\]|[^#])*/.exec(line)?.[0] ?? "";
}

function parseOption(text: string): readonly [name: string, value: string] {
  const [, name = text, change = "", value = ""] = /^([^=]*?)([+-]?)=(.*)$/.exec(text) ?? [];
  const list = LISTS.get(name.toLowerCase());
  if (list === undefined) return [`${name}${change}`.toLowerCase(), value];
  return [`${list}${LIST_CHANGES.get(change) ?? ""}`, value.replaceAll(",", " ")];
}

function isEnabled(stanza: ControlStanza): boolean {
  return !/^(?:no|false|without|off|disable|0)$/i.test(stanza.get("enabled") ?? "yes");
}

function entryOfStanza(stanza: ControlStanza): SourceEntry {
  const { types, uris, suites, components, enabled: _, ...options } = Object.fromEntries(stanza);
  return {
    types: wordsOf(types),
    uris: wordsOf(uris),
    suites: wordsOf(suites),
    components: wordsOf(components),
    options: new Map(Object.entries(options)),
  };
}

/** The words of a field. */
export function wordsOf(text = ""): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function present(word: string | undefined): readonly string[] {
  return word === undefined ? [] : [word];
}
