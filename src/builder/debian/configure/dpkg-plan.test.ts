import { describe, expect, it } from "bun:test";
import { dpkgPackage } from "../../../../test/support/dpkg-package.ts";
import { formatPlan, planAddition, planBase } from "./dpkg-plan.ts";

describe("the plan of a base", () => {
  it("runs preinst scripts by name, that of base-passwd first, then configures the essential packages", () => {
    const packages = [
      dpkgPackage("zlib", { preinst: true }),
      dpkgPackage("base-passwd", { preinst: true, fields: { Essential: "yes", Depends: "libc" } }),
      dpkgPackage("apt", { preinst: true }),
      dpkgPackage("libc", { fields: { "Multi-Arch": "same" } }),
    ];
    expect(formatPlan(planBase(packages))).toBe(
      "preinst base-passwd base-passwd amd64\npreinst apt apt amd64\npreinst zlib zlib amd64\n" +
        "configure base-passwd libc\n",
    );
  });

  it("configures what a preinst needs before it runs, and what that needs, with their own scripts before", () => {
    const packages = [
      dpkgPackage("app", { preinst: true, fields: { "Pre-Depends": "tool, virtual" } }),
      dpkgPackage("tool", { fields: { Depends: "lib (>= 2) | other" } }),
      dpkgPackage("lib", { preinst: true, fields: { "Multi-Arch": "same" } }),
      dpkgPackage("provider-b", { fields: { Provides: "virtual" } }),
      dpkgPackage("provider-a", { fields: { Provides: "virtual (= 1)" } }),
      dpkgPackage("unrelated"),
    ];
    expect(formatPlan(planBase(packages))).toBe(
      "preinst lib lib:amd64 amd64\nconfigure lib provider-a tool\npreinst app app amd64\n",
    );
  });

  it("counts every alternative that is there, since one may be too old", () => {
    const packages = [
      dpkgPackage("app", { preinst: true, fields: { "Pre-Depends": "a1 (>= 9) | b1 | c1" } }),
      dpkgPackage("a1"),
      dpkgPackage("b1"),
    ];
    expect(formatPlan(planBase(packages))).toBe("configure a1 b1\npreinst app app amd64\n");
  });

  it("refuses two packages of one name", () => {
    expect(() => planBase([dpkgPackage("aa"), dpkgPackage("aa")])).toThrow("twice");
  });
});

describe("the plan of an addition", () => {
  const base = [
    dpkgPackage("libc-bin", { preinst: true, triggers: "interest-noawait ldconfig\n" }),
    dpkgPackage("man-db", { triggers: "interest-noawait /usr/share/man\ninterest /usr/share/x\n" }),
    dpkgPackage("shells", { triggers: "interest-await /usr/share/shells\n" }),
  ];

  it("leaves the base alone, but for file triggers that new files set off", () => {
    const added = [dpkgPackage("app", { preinst: true, fields: { "Pre-Depends": "libc-bin, lib" } })];
    const paths = ["/usr/share/shells", "usr/share/man/man1/app.1.gz", "usr/share/mandatory", "/usr/share"];
    const plan = planAddition(base, [...added, dpkgPackage("lib")], paths);
    expect(formatPlan(plan)).toBe(
      "configure lib\npreinst app app amd64\ntrigger /usr/share/man\ntrigger /usr/share/shells\n",
    );
  });

  it("knows the folders that are links into /usr by both names", () => {
    const triggers = "interest /lib/modules\ninterest /usr/lib/udev\n";
    const listener = [dpkgPackage("kmod", { triggers })];
    const added = [dpkgPackage("app")];
    const plan = planAddition(listener, added, ["usr/lib/modules/6.1/x.ko", "/lib/udev/rules.d"]);
    expect(formatPlan(plan)).toBe("trigger /lib/modules\ntrigger /usr/lib/udev\n");
  });

  it("is empty for packages without scripts and triggers", () => {
    expect(formatPlan(planAddition(base, [dpkgPackage("lib")], ["/usr/lib/lib.so"]))).toBe("");
  });
});
