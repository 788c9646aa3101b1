import { describe, expect, it } from "bun:test";
import { archiveOfEntries, type TestEntry } from "../../../../test/support/sandbox-tree.ts";
import { stepContext } from "../../../../test/support/step-context.ts";
import { streamedEntries } from "../../archive/tar-reader.ts";
import type { PackageFiles } from "../package-files.ts";
import { formatPlan } from "./dpkg-plan.ts";
import { placingFiles, withPlacing } from "./placing.ts";
import type { FileOwner } from "./shared-files.ts";

/** Package files with these entries. */
function filesOf(packages: Readonly<Record<string, readonly TestEntry[]>>): PackageFiles {
  return {
    read: async (names, visit) => {
      for (const name of names) {
        const archive = archiveOfEntries(packages[name] ?? []);
        await visit(
          name,
          streamedEntries(
            (async function* () {
              yield archive;
            })(),
          ),
        );
      }
    },
  };
}

const owner = (name: string, packagedPath: string, role: FileOwner["role"] = "refuses"): FileOwner => ({
  name,
  packagedPath,
  role,
});

describe("placing shared files", () => {
  const shared = [
    [owner("aa", "/usr/bin/x"), owner("bb", "/bin/x", "replaces")],
    [owner("aa", "/usr/bin/y"), owner("cc", "/usr/bin/y")],
  ];

  it("takes the content of each from its package, by index", async () => {
    const files = filesOf({
      aa: [
        { path: "./usr/bin/x", content: "ax", mode: 0o755 },
        { path: "./usr/bin/other", content: "no" },
        { path: "./usr/bin/y", type: "symlink", linkTarget: "x" },
      ],
      bb: [{ path: "./bin/x", content: "bx", userId: 7 }],
      cc: [{ path: "./usr/bin/y", content: "cy" }],
    });
    const made = await placingFiles(shared, new Set(["/usr/bin/y"]), files, stepContext());
    const texts = Object.fromEntries(made.map(({ path, bytes }) => [path, Buffer.from(bytes).toString()]));
    expect(texts["/tmp/place-shared"]).toBe("/usr/bin/x\n/bin/x\n/usr/bin/y\n/usr/bin/y\n");
    expect(texts["/tmp/place-aa.list"]).toBe("0 refuses now /usr/bin/x\n1 refuses .dpkg-new /usr/bin/y\n");
    expect(texts["/tmp/place-bb.list"]).toBe("0 replaces now /bin/x\n");
    const entries: string[] = [];
    for (const { path, bytes } of made.filter((one) => one.path.endsWith(".tar")))
      for await (const entry of streamedEntries(
        (async function* () {
          yield bytes;
        })(),
      )) {
        const content = Buffer.concat(await Array.fromAsync(entry.content, (chunk) => chunk.slice()));
        entries.push(
          `${path} ${entry.path} ${entry.mode.toString(8)} ${entry.userId} ${content}${entry.linkTarget}`,
        );
      }
    expect(entries).toEqual([
      "/tmp/place-aa.tar 0 755 0 ax",
      "/tmp/place-aa.tar 1 644 0 x",
      "/tmp/place-bb.tar 0 644 7 bx",
      "/tmp/place-cc.tar 0 644 0 cy",
    ]);
  });

  it("refuses a hard link, whose other name may lead elsewhere", async () => {
    const files = filesOf({ aa: [{ path: "./usr/bin/x", type: "link", linkTarget: "./usr/bin/z" }] });
    const made = placingFiles([[owner("aa", "/usr/bin/x")]], new Set(), files, stepContext());
    await expect(made).rejects.toThrow("hard link");
  });

  it("comes after a package's preinst, or first without one", () => {
    const preinst = (name: string) =>
      ({ kind: "preinst", name, recordName: name, architecture: "all" }) as const;
    const plan = [preinst("other"), preinst("bb"), { kind: "configure", names: ["bb"] } as const];
    expect(formatPlan(withPlacing(plan, shared))).toBe(
      "place aa\nplace cc\npreinst other other all\npreinst bb bb all\nplace bb\nconfigure bb\n",
    );
    expect(withPlacing(plan, [])).toEqual(plan);
  });
});
