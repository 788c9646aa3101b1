import type { PackageFacts } from "./package-facts.ts";

/** A user, as in /etc/passwd. */
export interface User {
  readonly name: string;
  readonly id: number;
  readonly groupId: number;
  readonly comment: string;
  readonly home: string;
  readonly shell: string;
  /** Whether to create the home folder. */
  readonly createHome: boolean;
}

/** The four account files and their users. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
  readonly shadow: string;
  readonly gshadow: string;
  readonly users: readonly User[];
  /** The number of a group; `undefined` if there is no such group. */
  groupId(name: string): number | undefined;
}

type UserWish = PackageFacts["users"][number];
type GroupWish = PackageFacts["groups"][number];

interface Wishes {
  readonly groups: GroupWish[];
  readonly users: UserWish[];
  readonly memberships: { user: string; group: string }[];
}

const PASSWD_MASTER = "usr/share/base-passwd/passwd.master";
const GROUP_MASTER = "usr/share/base-passwd/group.master";
const FALLBACK_PASSWD =
  "root:*:0:0:root:/root:/bin/sh\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";
const FALLBACK_GROUP = "root:*:0:\nnogroup:*:65534:\n";
// Numbers for new system accounts start here (Debian policy 9.2.2).
const FIRST_DYNAMIC_ID = 100;
const LAST_DYNAMIC_ID = 999;

/**
 * The accounts of an image: Debian's own, and those of its packages.
 *
 * An account gets the number that its package asks for, if it is free. Other numbers are assigned in the order of the
 * packages, so equal packages get equal numbers. `lastChangeDay` counts days since the epoch.
 */
export function createAccounts(packages: readonly PackageFacts[], lastChangeDay: number): Accounts {
  const book = new AccountBook(
    findText(packages, PASSWD_MASTER) ?? FALLBACK_PASSWD,
    findText(packages, GROUP_MASTER) ?? FALLBACK_GROUP,
  );
  const wishes = collectWishes(packages);
  // Fixed numbers first, so that no other account takes them.
  for (const group of fixedFirst(wishes.groups)) book.addGroup(group);
  for (const user of fixedFirst(wishes.users)) book.addUser(user);
  for (const { user, group } of wishes.memberships) book.addMember(user, group);
  return book.toFiles(lastChangeDay);
}

function findText(packages: readonly PackageFacts[], path: string): string | undefined {
  return packages.find((one) => one.texts[path] !== undefined)?.texts[path];
}

function fixedFirst<Wish extends { readonly id?: number | undefined }>(
  wishes: readonly Wish[],
): readonly Wish[] {
  return [
    ...wishes.filter((wish) => wish.id !== undefined),
    ...wishes.filter((wish) => wish.id === undefined),
  ];
}

function collectWishes(packages: readonly PackageFacts[]): Wishes {
  const wishes: Wishes = { groups: [], users: [], memberships: [] };
  for (const one of packages) {
    for (const [path, text] of Object.entries(one.texts).toSorted()) {
      if (path.startsWith("usr/lib/sysusers.d/")) readSysusers(text, wishes);
    }
    wishes.groups.push(...one.groups);
    wishes.users.push(...one.users);
    wishes.memberships.push(...one.memberships);
  }
  return wishes;
}

/** Reads the lines of a sysusers.d(5) file. */
function readSysusers(text: string, wishes: Wishes): void {
  for (const line of text.split("\n")) {
    if (line.trim().startsWith("#")) continue;
    const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      (match) => match[1] ?? match[2] ?? match[3] ?? "",
    );
    const [type = "", name, id = "-", comment = "-", home = "-", shell = "-"] = words;
    if (name === undefined || /[%:]/.test(name)) continue;
    const [number = "", group] = id.split(":");
    const fixed = /^\d+$/.test(number) ? { id: Number(number) } : {};
    if (type.startsWith("g")) wishes.groups.push({ name, ...fixed });
    if (type.startsWith("m")) wishes.memberships.push({ user: name, group: id });
    if (!type.startsWith("u")) continue;
    wishes.users.push({
      name,
      ...fixed,
      group,
      comment: comment === "-" ? undefined : comment,
      home: home === "-" ? "/" : home,
      shell: shell === "-" ? undefined : shell,
      createHome: false,
    });
  }
}

class AccountBook {
  readonly #users = new Map<string, User>();
  readonly #groups = new Map<string, { readonly id: number; readonly members: Set<string> }>();

  constructor(passwd: string, group: string) {
    for (const line of group.split("\n")) {
      const [name = "", , id = "", members = ""] = line.split(":");
      if (name !== "" && id !== "") {
        this.#groups.set(name, { id: Number(id), members: new Set(members.split(",").filter(Boolean)) });
      }
    }
    for (const line of passwd.split("\n")) {
      const [name = "", , id = "", groupId = "", comment = "", home = "/", shell = ""] = line.split(":");
      if (name === "" || id === "") continue;
      this.#users.set(name, {
        name,
        id: Number(id),
        groupId: Number(groupId),
        comment,
        home,
        shell,
        createHome: false,
      });
    }
  }

  addGroup(wish: GroupWish): void {
    if (this.#groups.has(wish.name)) return;
    const taken = this.#takenGroupIds();
    const id = wish.id !== undefined && !taken.has(wish.id) ? wish.id : firstFree([taken]);
    this.#groups.set(wish.name, { id, members: new Set() });
  }

  addUser(wish: UserWish): void {
    if (this.#users.has(wish.name)) return;
    const taken = new Set([...this.#users.values()].map((user) => user.id));
    const ownGroup = this.#groups.get(wish.name)?.id;
    const preferred = wish.id ?? ownGroup;
    const id =
      preferred !== undefined && !taken.has(preferred)
        ? preferred
        : firstFree(
            wish.group === undefined && ownGroup === undefined ? [taken, this.#takenGroupIds()] : [taken],
          );
    this.#users.set(wish.name, {
      name: wish.name,
      id,
      groupId: this.#primaryGroup(wish, id),
      comment: wish.comment ?? "",
      home: wish.home ?? (wish.createHome ? `/home/${wish.name}` : "/nonexistent"),
      shell: wish.shell ?? "/usr/sbin/nologin",
      createHome: wish.createHome && wish.home !== undefined,
    });
  }

  addMember(user: string, group: string): void {
    if (this.#users.has(user)) this.#groups.get(group)?.members.add(user);
  }

  toFiles(lastChangeDay: number): Accounts {
    const users = [...this.#users.values()].toSorted((left, right) => left.id - right.id);
    const groups = [...this.#groups].toSorted(([, left], [, right]) => left.id - right.id);
    const lines = (all: readonly string[]): string => `${all.join("\n")}\n`;
    const members = (group: { readonly members: ReadonlySet<string> }): string =>
      [...group.members].toSorted().join(",");
    return {
      users,
      passwd: lines(
        users.map((user) =>
          [user.name, "x", user.id, user.groupId, user.comment, user.home, user.shell].join(":"),
        ),
      ),
      group: lines(groups.map(([name, group]) => `${name}:x:${group.id}:${members(group)}`)),
      // No password opens these accounts: `*` is the hash of none (shadow(5)).
      shadow: lines(users.map((user) => `${user.name}:*:${lastChangeDay}:0:99999:7:::`)),
      gshadow: lines(groups.map(([name, group]) => `${name}:*::${members(group)}`)),
      groupId: (name) => this.#groups.get(name)?.id,
    };
  }

  #primaryGroup(wish: UserWish, userId: number): number {
    if (wish.group !== undefined) {
      if (/^\d+$/.test(wish.group)) return Number(wish.group);
      if (!this.#groups.has(wish.group)) this.addGroup({ name: wish.group });
      return this.#groups.get(wish.group)?.id ?? userId;
    }
    if (!this.#groups.has(wish.name)) this.addGroup({ name: wish.name, id: userId });
    return this.#groups.get(wish.name)?.id ?? userId;
  }

  #takenGroupIds(): ReadonlySet<number> {
    return new Set([...this.#groups.values()].map((group) => group.id));
  }
}

function firstFree(taken: readonly ReadonlySet<number>[]): number {
  for (let id = FIRST_DYNAMIC_ID; id <= LAST_DYNAMIC_ID; id += 1) {
    if (taken.every((ids) => !ids.has(id))) return id;
  }
  throw new Error("the packages need more system accounts than there are free ids");
}
