/** The accounts of a tree. */
export interface TreeAccounts {
  /** The names of a user and a group, or their numbers. */
  owner(userId: number, groupId: number): string;
  /** A file of accounts with names in place of numbers that scripts ask for, its lines sorted. */
  withoutNumbers(path: AccountFile, text: string): string;
}

/** The files of accounts that can differ in numbers, or in order. */
const ACCOUNT_FILES = ["etc/passwd", "etc/group", "etc/gshadow"] as const;
export type AccountFile = (typeof ACCOUNT_FILES)[number];

/** Lower numbers are fixed (Debian Policy, 9.2.2). */
const FIRST_DYNAMIC = 100;

/** Whether a path without a leading slash is one of {@link AccountFile}. */
export function isAccountFile(path: string): path is AccountFile {
  return (ACCOUNT_FILES as readonly string[]).includes(path);
}

/** Reads a tree's accounts from its files, which may be missing. */
export function readAccounts(files: ReadonlyMap<string, string>): TreeAccounts {
  const [users, groups] = ["etc/passwd", "etc/group"].map((path) => {
    const rows = linesOf(files.get(path) ?? "").map((line) => line.split(":"));
    return new Map(rows.map(([name = "", , id]) => [Number(id), name]));
  }) as [Map<number, string>, Map<number, string>];
  const group = (id: string) => (Number(id) < FIRST_DYNAMIC ? id : (groups.get(Number(id)) ?? id));
  return {
    owner: (userId, groupId) => `${users.get(userId) ?? userId}:${groups.get(groupId) ?? groupId}`,
    withoutNumbers: (path, text) => {
      const lines = linesOf(text).map((line) => {
        const fields = line.split(":");
        if (path === "etc/gshadow" || Number(fields[2]) < FIRST_DYNAMIC) return line;
        fields[2] = "dynamic";
        if (path === "etc/passwd") fields[3] = group(fields[3] ?? "");
        return fields.join(":");
      });
      return lines.toSorted().join("\n");
    },
  };
}

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
