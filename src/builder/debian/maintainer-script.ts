import type { PackageFacts } from "./package-facts.ts";
import { literalCommands } from "./shell-commands.ts";

type GroupWish = PackageFacts["groups"][number];
type UserWish = PackageFacts["users"][number];
type AlternativeWish = PackageFacts["alternatives"][number];

/** The accounts and alternatives that a maintainer script would add, as far as we can tell without running it. */
export type ScriptWishes = Pick<PackageFacts, "groups" | "users" | "memberships" | "alternatives">;

const ACCOUNT_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/;

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
  // For a system user without a group of the same name, adduser uses nogroup; useradd creates the group.
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
