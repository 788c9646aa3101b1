/** A group that a script would add. */
export interface GroupWish {
  readonly name: string;
  readonly id?: number;
}

/** A user that a script would add. */
export interface UserWish {
  readonly name: string;
  readonly id?: number;
  /** Name or number of the primary group; a group of the user's own name when absent. */
  readonly group?: string;
  readonly comment?: string;
  readonly home?: string;
  readonly shell?: string;
  readonly createHome: boolean;
}

/** One choice of an alternative, with its slave links. */
export interface AlternativeWish {
  /** The generic path, such as `/usr/bin/awk`. */
  readonly link: string;
  readonly name: string;
  /** The target of the choice. */
  readonly path: string;
  readonly priority: number;
  readonly slaves: readonly { readonly link: string; readonly name: string; readonly path: string }[];
}

/** What a maintainer script would do, as far as we can read it without running it. */
export interface ScriptWishes {
  readonly groups: readonly GroupWish[];
  readonly users: readonly UserWish[];
  /** Members to add to groups. */
  readonly memberships: readonly { readonly user: string; readonly group: string }[];
  readonly alternatives: readonly AlternativeWish[];
}

type Variables = ReadonlyMap<string, string>;

const MAX_LOOP_VALUES = 64;
const ACCOUNT_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;
const PLAIN_ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/**
 * The accounts and alternatives that a shell script adds with literal commands.
 *
 * Reads calls of adduser, addgroup, useradd, groupadd and update-alternatives whose words are literal, or variables
 * and `for` loops over literals. Ignores conditions, and skips what it cannot read.
 */
export function readMaintainerScript(script: string): ScriptWishes {
  const groups: GroupWish[] = [];
  const users: UserWish[] = [];
  const memberships: { user: string; group: string }[] = [];
  const alternatives: AlternativeWish[] = [];
  for (const words of literalCommands(script)) {
    const [program = "", ...parameters] = words;
    if (program === "addgroup" || program === "groupadd") groups.push(...readGroup(parameters));
    if (program === "adduser" || program === "useradd") {
      const { options, names } = readOptions(parameters);
      const [user, group] = names;
      if (options.has("--system")) users.push(...readUser(options, user));
      else if (program === "adduser" && options.has("--group")) groups.push(...readGroup(parameters));
      else if (program === "adduser" && user && group) memberships.push({ user, group });
    }
    if (program === "update-alternatives") alternatives.push(...readAlternative(parameters));
  }
  return { groups, users, memberships, alternatives };
}

/** The simple commands of a script whose words are all known, unquoted. */
function* literalCommands(script: string): Generator<readonly string[]> {
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
      if (words[0] === "for" && words[1] !== undefined && words[2] === "in") {
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

/** The words from the program's name on, without keywords, negation and the program's path. */
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

/** `undefined` if only a shell could know what the word is. */
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

function readOptions(parameters: readonly string[]): {
  readonly options: ReadonlyMap<string, string>;
  readonly names: readonly string[];
} {
  const options = new Map<string, string>();
  const names: string[] = [];
  for (let index = 0; index < parameters.length; index += 1) {
    const word = parameters[index] ?? "";
    const equals = word.indexOf("=");
    const name = longOption(equals < 0 ? word : word.slice(0, equals));
    if (!name.startsWith("-")) {
      names.push(word);
    } else if (equals >= 0) {
      options.set(name, word.slice(equals + 1));
    } else if (WITH_VALUE.has(name)) {
      index += 1;
      options.set(name, parameters[index] ?? "");
    } else {
      options.set(name, "");
    }
  }
  return { options, names: names.filter((name) => ACCOUNT_NAME.test(name)) };
}

const WITH_VALUE: ReadonlySet<string> = new Set([
  "--comment",
  "--conf",
  "--firstuid",
  "--gecos",
  "--gid",
  "--groups",
  "--home",
  "--ingroup",
  "--lastuid",
  "--shell",
  "--uid",
]);

/** One spelling for options that several programs spell differently. */
function longOption(option: string): string {
  const same: Readonly<Record<string, string>> = {
    "-r": "--system",
    "-d": "--home",
    "--home-dir": "--home",
    "-s": "--shell",
    "-u": "--uid",
    "-g": "--gid",
    "-c": "--comment",
    "-M": "--no-create-home",
    "-N": "--no-user-group",
  };
  return same[option] ?? option;
}

function readGroup(parameters: readonly string[]): readonly GroupWish[] {
  const { options, names } = readOptions(parameters);
  const [name] = names;
  return name === undefined ? [] : [{ name, ...numberField("id", options.get("--gid")) }];
}

function readUser(options: ReadonlyMap<string, string>, name: string | undefined): readonly UserWish[] {
  if (name === undefined) return [];
  const group = options.get("--ingroup") ?? options.get("--gid");
  // adduser puts system users without a group of their own into nogroup; useradd makes one.
  const ownGroup = options.has("--group") || options.has("-U") || options.has("--user-group");
  return [
    {
      name,
      createHome: !options.has("--no-create-home"),
      ...numberField("id", options.get("--uid")),
      ...(group !== undefined ? { group } : ownGroup ? {} : { group: "nogroup" }),
      ...textField("comment", options.get("--gecos") ?? options.get("--comment")),
      ...textField("home", options.get("--home")),
      ...textField("shell", options.get("--shell")),
    },
  ];
}

function readAlternative(parameters: readonly string[]): readonly AlternativeWish[] {
  const start = parameters.indexOf("--install");
  if (start < 0) return [];
  const [link, name, path, priority, ...rest] = parameters.slice(start + 1);
  if (link === undefined || name === undefined || path === undefined || !/^-?\d+$/.test(priority ?? ""))
    return [];
  const slaves = [];
  for (let index = 0; index < rest.length; index += 1) {
    const [slaveLink, slaveName, slavePath] = rest.slice(index + 1, index + 4);
    if (rest[index] !== "--slave" && rest[index] !== "--follower") continue;
    if (slaveLink === undefined || slaveName === undefined || slavePath === undefined) break;
    slaves.push({ link: slaveLink, name: slaveName, path: slavePath });
  }
  const wish = { link, name, path, priority: Number(priority), slaves };
  return isSound(wish) ? [wish] : [];
}

function isSound(wish: AlternativeWish): boolean {
  const all = [wish, ...wish.slaves];
  return all.every(
    (one) => one.link.startsWith("/") && one.path.startsWith("/") && /^[\w.+-][\w.+ -]*$/.test(one.name),
  );
}

function numberField(name: "id", text: string | undefined): { readonly id?: number } {
  return text !== undefined && /^\d{1,9}$/.test(text) ? { [name]: Number(text) } : {};
}

function textField<Name extends string>(
  name: Name,
  text: string | undefined,
): { readonly [Key in Name]?: string } {
  if (text === undefined || /[:\n]/.test(text)) return {};
  return { [name]: text } as { readonly [Key in Name]?: string };
}
