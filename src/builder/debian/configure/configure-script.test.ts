import { describe, expect, it } from "bun:test";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../../../test/support/command.ts";
import { archiveOfEntries } from "../../../../test/support/sandbox-tree.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { CONFIGURE_ENVIRONMENT, CONFIGURE_SCRIPT, configureCommand } from "./configure-script.ts";

const DATABASE = "/var/lib/dpkg";
const LOG = 'echo "$(basename "$0") $*" >>"$LOG"\n';

/** Runs the script on a database in a folder of its own, with programs that only note how they are called. */
async function runScript(
  plan: string,
  files: Readonly<Record<string, string>> = {},
  dpkg = `[ "$1" = --version ] && { echo "Debian 'dpkg' program version 1.21.22 (amd64)."; exit; }\n${LOG}`,
  placing: Readonly<Record<string, string | Uint8Array>> = {},
  divert = LOG,
) {
  await using folder = await temporaryFolder("configure-script");
  const log = join(folder.path, "log");
  const database = join(folder.path, "database");
  await mkdir(join(database, "info"), { recursive: true });
  await mkdir(join(folder.path, "bin"));
  for (const [name, text] of Object.entries({ dpkg, "dpkg-trigger": LOG, "dpkg-divert": divert })) {
    await program(join(folder.path, "bin", name), text);
  }
  for (const [name, text] of Object.entries(files)) await program(join(database, "info", name), text);
  for (const [name, content] of Object.entries(placing)) await writeFile(join(folder.path, name), content);
  await writeFile(join(folder.path, "plan"), plan);
  await writeFile(log, "");
  const [shell = "", option = "", , ...rest] = configureCommand(join(folder.path, "plan"), folder.path);
  const outcome = await run([shell, option, CONFIGURE_SCRIPT.replaceAll(DATABASE, database), ...rest], {
    ...CONFIGURE_ENVIRONMENT,
    PATH: `${join(folder.path, "bin")}:${CONFIGURE_ENVIRONMENT.PATH}`,
    LOG: log,
  });
  const lines = (await Bun.file(log).text()).replaceAll(folder.path, "").split("\n").filter(Boolean);
  return { ...outcome, lines, left: (await readdir(database)).toSorted() };
}

async function program(path: string, text: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${text}`);
  await chmod(path, 0o755);
}

const LAST = "dpkg --force-unsafe-io --abort-after=1 --configure --pending";

describe("the configure script", () => {
  it("lets dpkg configure everything if there is no plan", async () => {
    expect(await runScript("")).toMatchObject({ exitCode: 0, lines: [LAST] });
  });

  it("configures packages together, and sets off triggers", async () => {
    const { exitCode, lines } = await runScript("configure aa bb cc\ntrigger /usr/share/man\n");
    expect(exitCode).toBe(0);
    expect(lines).toEqual([
      "dpkg --force-unsafe-io --abort-after=1 --configure aa bb cc",
      "dpkg-trigger --no-await --by-package=dpkg /usr/share/man",
      LAST,
    ]);
  });

  it("runs a preinst with its package's control files, and not those of a package with a longer name", async () => {
    const preinst = `${LOG}cd "\${0%/*}" && echo * $(cat control templates) >>"$LOG"
echo $DPKG_MAINTSCRIPT_NAME $DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_ARCH $DPKG_RUNNING_VERSION >>"$LOG"
[ -z "$DPKG_ROOT" ] && [ -d "$DPKG_ADMINDIR/info" ] && read -r line || echo no input >>"$LOG"\n`;
    const { exitCode, lines, left } = await runScript("preinst aa aa:amd64 amd64\n", {
      "aa:amd64.preinst": preinst,
      "aa:amd64.templates": "",
      "aa:amd64.list": "",
      "aa:amd64.b.preinst": "exit 1",
    });
    expect(exitCode).toBe(0);
    expect(lines).toEqual([
      "preinst install",
      "control preinst templates Package: aa Architecture: amd64 #!/bin/sh",
      "preinst aa amd64 1.21.22",
      "no input",
      LAST,
    ]);
    expect(left).toEqual(["info"]);
  });

  it("ends with the first failure, and says which preinst failed", async () => {
    const files = { "aa.preinst": "exit 7", "bb.preinst": LOG };
    const { exitCode, lines, stdout } = await runScript("preinst aa aa all\npreinst bb bb all\n", files);
    expect([exitCode, lines, stdout]).toEqual([1, [], "slipway: preinst of aa failed: 7\n"]);
  });

  it("ends with dpkg's exit code", async () => {
    const dpkg = `${LOG}exit 2\n`;
    const steps = await runScript("configure aa\nconfigure bb\n", {}, dpkg);
    expect(steps.exitCode).toBe(2);
    expect(steps.lines).toEqual(["dpkg --version", "dpkg --force-unsafe-io --abort-after=1 --configure aa"]);
    expect((await runScript("", {}, dpkg)).exitCode).toBe(2);
  });

  it("places a package's shared files after its preinst, where a diversion leads or over what is replaced", async () => {
    await using folder = await temporaryFolder("placing");
    const place = (name: string) => join(folder.path, "root", name);
    await mkdir(place("old"), { recursive: true });
    for (const name of ["own", "diverted", "replaced", "replacing"])
      await writeFile(place(name), "another's");
    const lines = [
      `0 refuses now ${place("own")}`,
      `1 refuses now ${place("diverted")}`,
      `2 replaces now ${place("replacing")}`,
      `3 replaced now ${place("replaced")}`,
      `4 refuses now ${place("new/file")}`,
    ];
    const outcome = await runScript(
      "preinst aa aa all\nplace aa\n",
      {
        "aa.preinst": `[ -e "\${0%/*}/../info/aa.list" ] || echo hidden >>"$LOG"\nrm "${place("own")}"\n`,
        "aa.list": "",
      },
      undefined,
      {
        "place-shared": "",
        "place-aa.list": lines.map((line) => `${line}\n`).join(""),
        "place-aa.tar": archiveOfEntries(
          ["0", "1", "2", "3", "4"].map((path) => ({ path, content: `of aa ${path}` })),
        ),
      },
      `[ "$2" = "${place("diverted")}" ] && [ "$1" = --truename ] && { echo "$2.moved"; exit; }
       [ "$1" = --truename ] && echo "$2"; true\n`,
    );
    expect(outcome).toMatchObject({ exitCode: 0, lines: ["hidden", LAST], left: ["info"] });
    const texts = await Promise.all(
      ["own", "diverted", "diverted.moved", "replacing", "replaced", "new/file"].map((name) =>
        Bun.file(place(name)).text(),
      ),
    );
    expect(texts).toEqual(["of aa 0", "another's", "of aa 1", "of aa 2", "another's", "of aa 4"]);
  });

  it("removes shared files first, and does not place one over another that is not replaced", async () => {
    await using folder = await temporaryFolder("placing");
    const path = join(folder.path, "file");
    await writeFile(path, "of both");
    const placing = (name: string) => ({
      [`place-${name}.list`]: `0 refuses now ${path}\n`,
      [`place-${name}.tar`]: archiveOfEntries([{ path: "0", content: name }]),
    });
    const divert = `[ "$1" = --truename ] && echo "$2"; true\n`;
    const files = { "place-shared": `${path}\n`, ...placing("aa"), ...placing("bb") };
    const { exitCode, stdout } = await runScript("place aa\nplace bb\n", {}, undefined, files, divert);
    expect([exitCode, stdout]).toEqual([1, `slipway: bb cannot be unpacked: it would overwrite ${path}\n`]);
    expect(await Bun.file(path).text()).toBe("aa");
  });

  it("refuses a step that it does not know", async () => {
    expect(await runScript("remove aa\n")).toMatchObject({ exitCode: 1, lines: [] });
  });
});
