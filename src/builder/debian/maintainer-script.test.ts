import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { readMaintainerScript } from "./maintainer-script.ts";

describe("a maintainer script", () => {
  it("yields the alternatives it installs, with their followers", () => {
    const { alternatives } = readMaintainerScript(`#!/bin/sh
if [ "$1" = configure ]; then
  update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\
    --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz
fi`);
    expect(alternatives).toEqual([
      {
        link: "/usr/bin/awk",
        name: "awk",
        path: "/usr/bin/mawk",
        priority: 5,
        slaves: [
          {
            link: "/usr/share/man/man1/awk.1.gz",
            name: "awk.1.gz",
            path: "/usr/share/man/man1/mawk.1.gz",
          },
        ],
      },
    ]);
  });

  it("is followed through loops and variables that are literal", () => {
    const { alternatives } = readMaintainerScript(`
prefix=/usr/bin
for name in vi view; do
  update-alternatives --quiet --install "$prefix/$name" $name \${prefix}/vim.basic 30
done`);
    expect(alternatives.map((one) => [one.link, one.name, one.path])).toEqual([
      ["/usr/bin/vi", "vi", "/usr/bin/vim.basic"],
      ["/usr/bin/view", "view", "/usr/bin/vim.basic"],
    ]);
  });

  it("yields the system accounts it adds", () => {
    const { users, groups, memberships } = readMaintainerScript(`
getent group ssl-cert >/dev/null || addgroup --system --force-badname ssl-cert
adduser --quiet --system --no-create-home --home /run/sshd --shell /usr/sbin/nologin sshd
useradd -r -u 77 -g daemon -c "A service" svc && usermod -a -G x svc
adduser postgres ssl-cert
`);
    expect(groups).toEqual([{ name: "ssl-cert" }]);
    expect(users).toEqual([
      { name: "sshd", createHome: false, group: "nogroup", home: "/run/sshd", shell: "/usr/sbin/nologin" },
      { name: "svc", createHome: true, id: 77, group: "daemon", comment: "A service" },
    ]);
    expect(memberships).toEqual([{ user: "postgres", group: "ssl-cert" }]);
  });

  it("ignores what only a shell could compute, and comments", () => {
    const { users, alternatives } = readMaintainerScript(`
adduser --system "$USER_NAME"
update-alternatives --install $(dirname x) a /b 1
# adduser --system commented
echo adduser --system shown
`);
    expect(users).toEqual([]);
    expect(alternatives).toEqual([]);
  });

  it("can hold a program in another language, whose loops are not the shell's", () => {
    const { users } = readMaintainerScript(`
awk '{ for (i in x) print i }
  for (i in x) { n[i]++ }'
adduser --system svc
`);
    expect(users.map(({ name }) => name)).toEqual(["svc"]);
  });

  it("may hold any text at all", () => {
    const word = fc.constantFrom(
      "adduser",
      "--system",
      "update-alternatives",
      "--install",
      "--slave",
      "/a",
      "$x",
      "x=1",
      "for",
      "in",
      "do",
      "\n",
      ";",
      '"',
      "'",
      "\\\n",
      "addgroup",
      "1",
      "(i",
      "[",
      "*",
      "${",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join(" ")),
        ),
        (script) => {
          for (const one of readMaintainerScript(script).alternatives)
            expect(one.link.startsWith("/")).toBe(true);
        },
      ),
    );
  });
});
