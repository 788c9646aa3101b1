type Variables = ReadonlyMap<string, string>;

const MAX_LOOP_VALUES = 64;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PLAIN_ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/** The simple commands of a script whose words are all known, unquoted. */
export function* literalCommands(script: string): Generator<readonly string[]> {
  const variables = new Map<string, string>();
  const loops = new Map<string, readonly string[]>();
  const joined = script.replaceAll(/\\\n\s*/g, " ");
  for (const line of joined.split("\n")) {
    for (const part of splitCommands(line)) {
      const words = splitWords(part);
      const assignment = words.length === 1 ? PLAIN_ASSIGNMENT.exec(words[0] ?? "") : null;
      if (assignment?.[1] !== undefined) {
        assign(variables, assignment[1], assignment[2] ?? "");
        continue;
      }
      if (words[0] === "for" && words[1] !== undefined && VARIABLE.test(words[1]) && words[2] === "in") {
        loops.set(words[1], words.slice(3, 3 + MAX_LOOP_VALUES));
        continue;
      }
      yield* expandLoops(commandWords(words), variables, loops);
    }
  }
}

function assign(variables: Map<string, string>, name: string, text: string): void {
  const value = expandWord(unquoted(text), variables);
  if (value === undefined) variables.delete(name);
  else variables.set(name, value);
}

/** The words from the program's name on, without keywords and negation; the name without its folder. */
function commandWords(words: readonly string[]): readonly string[] {
  const start = words.findIndex(
    (word) => !["then", "else", "do", "!", "if", "elif", "{", "("].includes(word),
  );
  if (start < 0) return [];
  const [program = "", ...rest] = words.slice(start);
  return [program.slice(program.lastIndexOf("/") + 1), ...rest];
}

function* expandLoops(
  words: readonly string[],
  variables: Variables,
  loops: ReadonlyMap<string, readonly string[]>,
): Generator<readonly string[]> {
  const loop = [...loops].find(([name]) => words.some((word) => refersTo(word, name)));
  const choices =
    loop === undefined ? [variables] : loop[1].map((value) => new Map(variables).set(loop[0], value));
  for (const choice of choices) {
    const expanded = words.map((word) => expandWord(unquoted(word), choice));
    if (expanded.every((word) => word !== undefined)) yield expanded;
  }
}

function refersTo(word: string, variable: string): boolean {
  return new RegExp(`\\$(?:${variable}\\b|\\{${variable}\\})`).test(word);
}

/** The value of a word; `undefined` if only a shell can know it. */
function expandWord(word: string, variables: Variables): string | undefined {
  let known = true;
  const text = word.replaceAll(
    /\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})/g,
    (_, bare, braced) => {
      const name = (bare ?? braced) as string;
      // Empty unless a package is unpacked into another root.
      const value = name === "DPKG_ROOT" ? "" : variables.get(name);
      if (value === undefined) known = false;
      return value ?? "";
    },
  );
  return known && !/[$`*?]/.test(text) ? text : undefined;
}

function unquoted(word: string): string {
  return word.replaceAll(/["']/g, "");
}

/** Splits a line at `;`, `&&`, `||`, `|` and `&` outside quotes; stops at a comment. */
function splitCommands(line: string): readonly string[] {
  const parts: string[] = [""];
  let quote = "";
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index] ?? "";
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === '"' || character === "'") {
      quote = character;
    } else if (character === "#" && (index === 0 || /\s/.test(line[index - 1] ?? ""))) {
      break;
    } else if (";&|".includes(character)) {
      parts.push("");
      continue;
    }
    parts[parts.length - 1] += character;
  }
  return parts;
}

/** Splits at blanks outside quotes; keeps quotes, drops redirections. */
function splitWords(command: string): readonly string[] {
  const words = command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return words.filter((word) => !/^\d?[<>]/.test(word));
}
