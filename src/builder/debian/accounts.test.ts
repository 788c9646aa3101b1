import { describe, expect, it } from "bun:test";
import { packageFacts } from "../../../test/support/package-facts.ts";
import { createAccounts } from "./accounts.ts";

const BASE = packageFacts("base-passwd", {
  texts: {
    "usr/share/base-passwd/passwd.master":
      "root:*:0:0:root:/root:/bin/bash\nnobody:*:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "usr/share/base-passwd/group.master": "root:*:0:\nmail:*:8:\nnogroup:*:65534:\n",
  },
});

describe("accounts", () => {
  it("are Debian's own, with passwords that nothing matches", () => {
    const accounts = createAccounts([BASE], 20_000);
    expect(accounts.passwd).toStartWith("root:x:0:0:root:/root:/bin/bash\n");
    expect(accounts.shadow).toStartWith("root:*:20000:0:99999:7:::\n");
    expect(accounts.group).toBe("root:x:0:\nmail:x:8:\nnogroup:x:65534:\n");
    expect(accounts.groupId("mail")).toBe(8);
  });

  it("get the numbers that packages fix, and free ones otherwise", () => {
    const wishes = packageFacts("x", {
      groups: [{ name: "pool" }],
      users: [
        { name: "free", createHome: false, group: "nogroup" },
        { name: "own", createHome: true, home: "/var/lib/own" },
        { name: "fixed", id: 100, createHome: false },
      ],
      memberships: [
        { user: "own", group: "pool" },
        { user: "nosuch", group: "pool" },
      ],
    });
    const { passwd, group } = createAccounts([BASE, wishes], 0);
    expect(passwd).toContain("fixed:x:100:101::/nonexistent:/usr/sbin/nologin\n");
    expect(passwd).toContain("free:x:101:65534::/nonexistent:/usr/sbin/nologin\n");
    expect(passwd).toContain("own:x:102:102::/var/lib/own:/usr/sbin/nologin\n");
    expect(group).toContain("pool:x:100:own\n");
  });

  it("come from sysusers.d as well", () => {
    const texts = {
      "usr/lib/sysusers.d/x.conf":
        'u svc 77:mail "A service" /var/lib/svc\ng team 88\nm svc team\n# u no 1\nu %n 5\n',
    };
    const { passwd, group } = createAccounts([BASE, packageFacts("x", { texts })], 0);
    expect(passwd).toContain("svc:x:77:8:A service:/var/lib/svc:/usr/sbin/nologin\n");
    expect(group).toContain("team:x:88:svc\n");
    expect(passwd.split("\n")).toHaveLength(4);
  });
});
