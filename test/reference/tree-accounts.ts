/** The files of accounts that can differ in numbers, or in order. */
export const ACCOUNT_FILES = ["etc/passwd", "etc/group", "etc/gshadow"] as const;
export type AccountFile = (typeof ACCOUNT_FILES)[number];

/** Lower numbers are fixed (Debian Policy, 9.2.2). */
const FIRST_DYNAMIC = 100;

/** The accounts of a tree. */
export class TreeAccounts {
  readonly #texts: ReadonlyMap<string, string>;
  readonly #users: ReadonlyMap<number, string>;
  readonly #groups: ReadonlyMap<number, string>;

  /** @param texts the files of accounts that there are */
  constructor(texts: ReadonlyMap<AccountFile, string>) {
    this.#texts = texts;
    this.#users = namesIn(texts.get("etc/passwd"));
    this.#groups = namesIn(texts.get("etc/group"));
  }

  /** The names of a user and a group, or their numbers. */
  owner(userId: number, groupId: number): string {
    return `${this.#users.get(userId) ?? userId}:${this.#groups.get(groupId) ?? groupId}`;
  }

  /** A file of accounts with names in place of numbers that scripts ask for, its lines sorted; `undefined` for others. */
  withoutNumbers(path: string): string | undefined {
    const text = this.#texts.get(path);
    return (
      text &&
      linesOf(text)
        .map((line) => this.#lineWithoutNumbers(path, line))
        .toSorted()
        .join("\n")
    );
  }

  #lineWithoutNumbers(path: string, line: string): string {
    const fields = line.split(":");
    if (path === "etc/gshadow" || Number(fields[2]) < FIRST_DYNAMIC) return line;
    fields[2] = "dynamic";
    const group = Number(fields[3]);
    if (path === "etc/passwd" && group >= FIRST_DYNAMIC) fields[3] = this.#groups.get(group) ?? `${group}`;
    return fields.join(":");
  }
}

/** The names of accounts by their numbers. */
function namesIn(text = ""): ReadonlyMap<number, string> {
  return new Map(
    linesOf(text)
      .map((line) => line.split(":"))
      .map(([name = "", , id]) => [Number(id), name]),
  );
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
