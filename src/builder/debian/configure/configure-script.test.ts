import { describe, expect, it } from "bun:test";
import { chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../../../test/support/command.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { CONFIGURE_ENVIRONMENT, CONFIGURE_SCRIPT, configureCommand } from "./configure-script.ts";

const DATABASE = "/var/lib/dpkg";
const LOG = 'echo "$(basename "$0") $*" >>"$LOG"\n';

/** Runs the script on a database in a folder of its own, with programs that only note how they are called. */
async function runScript(
  plan: string,
  files: Readonly<Record<string, string>> = {},
  dpkg = `[ "$1" = --version ] && { echo "Debian 'dpkg' program version 1.21.22 (amd64)."; exit; }\n${LOG}`,
) {
  await using folder = await temporaryFolder("configure-script");
  const log = join(folder.path, "log");
  const database = join(folder.path, "database");
  await mkdir(join(database, "info"), { recursive: true });
  await mkdir(join(folder.path, "bin"));
  for (const [name, text] of Object.entries({ dpkg, "dpkg-trigger": LOG })) {
    await program(join(folder.path, "bin", name), text);
  }
  for (const [name, text] of Object.entries(files)) await program(join(database, "info", name), text);
  await writeFile(join(folder.path, "plan"), plan);
  await writeFile(log, "");
  const [shell = "", option = "", , ...rest] = configureCommand(join(folder.path, "plan"));
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

const LAST = "dpkg --force-unsafe-io --configure --pending";

describe("the configure script", () => {
  it("lets dpkg configure everything if there is no plan", async () => {
    expect(await runScript("")).toMatchObject({ exitCode: 0, lines: [LAST] });
  });

  it("configures packages together, and sets off triggers", async () => {
    const { exitCode, lines } = await runScript("configure aa bb cc\ntrigger /usr/share/man\n");
    expect(exitCode).toBe(0);
    expect(lines).toEqual([
      "dpkg --force-unsafe-io --configure aa bb cc",
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
    expect(steps.lines).toEqual(["dpkg --version", "dpkg --force-unsafe-io --configure aa"]);
    expect((await runScript("", {}, dpkg)).exitCode).toBe(2);
  });

  it("refuses a step that it does not know", async () => {
    expect(await runScript("remove aa\n")).toMatchObject({ exitCode: 1, lines: [] });
  });
});
