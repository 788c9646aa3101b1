import { describe, expect, it } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { mustRun } from "../../../../../test/support/command.ts";
import { temporaryFolder } from "../../../../../test/support/temporary-folder.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { fillingLines } from "../first-start-values.ts";
import { SecretValues } from "./secret-values.ts";

const CONF = "etc/dbconfig-common/shop.conf";
// Digits that all of the places take.
const PASSWORD = "b240cfed7c34";

function entry(path: string, text: string, isUnmodified = false): StreamedEntry {
  const content = (async function* () {
    yield Buffer.from(text, "latin1");
  })();
  return {
    path,
    type: "file",
    mode: 0o600,
    userId: 0,
    groupId: 0,
    modifiedAt: 0,
    size: text.length,
    linkTarget: "",
    isUnmodified,
    content,
  } as StreamedEntry;
}

function found(path: string, text: string): SecretValues {
  const secrets = new SecretValues();
  if (secrets.concerns(entry(path, text))) secrets.find(path, Buffer.from(text, "latin1"));
  return secrets;
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

describe("values that scripts made up", () => {
  it.each([
    [CONF, `dbc_dbuser='shop'\ndbc_dbpass='${PASSWORD}'\n`],
    ["etc/mailman3/mailman.cfg", `[webservice]\nadmin_user: restadmin\nadmin_pass: ${PASSWORD}\n`],
    ["etc/bacula/common_default_passwords", `# passwords\nDIRPASSWD=${PASSWORD}\n`],
    ["etc/mailman3/mailman-web.py", `SECRET_KEY = '${PASSWORD}'\n`],
    ["etc/roundcube/config.inc.php", `$config['des_key'] = '${PASSWORD}';\n`],
    ["etc/backuppc/htpasswd", `backuppc:${PASSWORD}\n`],
    ["etc/zm/core.php", `<?php\n\tConfigure::write('Security.salt', '${PASSWORD}');\n`],
    ["etc/redmine/default/secret_key.txt", `${PASSWORD}\n`],
    ["var/lib/phpmyadmin/blowfish_secret.inc.php", `<?php\n$cfg['blowfish_secret'] = '${PASSWORD}';\n`],
  ])("are emptied where they are made, and everywhere else: %s", async (path, text) => {
    const secrets = found(path, text);
    const other = `first\n$password = "${PASSWORD}"; // ${PASSWORD}\n`;
    expect(textOf(secrets.empty(path, Buffer.from(text)))).toBe(text.replace(PASSWORD, ""));
    expect(textOf(secrets.empty("etc/other.php", Buffer.from(other)))).toBe(other.replaceAll(PASSWORD, ""));
    expect(secrets.emptied.map((file) => file.path)).toEqual([path, "etc/other.php"]);
  });

  it.each([
    "CAMO_KEY=eb4e84c7b6f33fc49a5bfa3aae8539d1d07809df",
    "export APP_SECRET='eb4e84c7b6f33fc49a5bfa3aae8539d1'",
    "  secret_key_base: Zm9vYmFyMTIzNDU2Nzg5MGFiY2Rl==",
    'admin.password = "q8XvPz71LkWm0RtYbN4c";',
  ])("are known by the names of settings: %s", (line) => {
    const text = `a\n${line}\n`;
    const secrets = found("etc/default/shop", text);
    expect(textOf(secrets.empty("etc/default/shop", Buffer.from(text)))).toMatch(
      /^a\n.*[=:] ?["']{0,2};?\n$/,
    );
  });

  it.each([
    "KEY_FILE=/etc/ssl/private/Server1/Certificate.pem",
    "key = ssl-cert-snakeoil",
    "password = changeme-changeme-changeme",
    "Keyring=0123456789ABCDEF0123456789ABCDEF01234567",
    "digest: eb4e84c7b6f33fc49a5bfa3aae8539d1d07809df",
    "# The key=eb4e84c7b6f33fc49a5bfa3aae8539d1d07809df",
  ])("are no names, paths or digests: %s", (line) => {
    const text = Buffer.from(`${line}\n`);
    expect(found("etc/default/shop", `${line}\n`).empty("etc/default/shop", text)).toBe(text);
  });

  it("get as many characters of the same kind in their place", () => {
    const secrets = found("etc/default/shop", "KEY=eb4e84c7b6f33fc49a5bfa3aae8539d1d07809df\n");
    secrets.empty("etc/default/shop", Buffer.from("KEY=eb4e84c7b6f33fc49a5bfa3aae8539d1d07809df\n"));
    expect(fillingLines(secrets.emptied).join("\n")).toContain("secret_0=$(random 40 0-9a-f)");
  });

  it("are found in lines of any length without delay", () => {
    const line = "key".repeat(100_000);
    for (const text of [
      line,
      `${line}=${line}`,
      `${" ".repeat(300_000)}key=`,
      `key=${"a1".repeat(200_000)}`,
    ]) {
      const bytes = Buffer.from(`${text}\n`);
      expect(found("etc/x", `${text}\n`).empty("etc/x", bytes)).toBe(bytes);
    }
  });

  it("are not looked for in what packages have, in large files, or elsewhere", () => {
    const secrets = new SecretValues();
    expect(secrets.concerns(entry(CONF, "x", true))).toBe(false);
    expect(secrets.concerns({ ...entry(CONF, "x"), size: (1 << 20) + 1 })).toBe(false);
    expect(secrets.concerns(entry("var/lib/shop.conf", "x"))).toBe(false);
    expect(secrets.concerns({ ...entry(CONF, ""), type: "symlink" })).toBe(false);
  });

  it("are no words, and not changed in programs' own formats", async () => {
    expect(found(CONF, "dbc_dbpass='secret'\n").mayBeIn(entry("etc/x", "secret"))).toBe(false);
    const secrets = found(CONF, `dbc_dbpass='${PASSWORD}'\n`);
    const database = Buffer.from(`\0${PASSWORD}\0`);
    expect(secrets.empty("var/lib/shop/db", database)).toBe(database);
  });
});

describe("values of any kind", () => {
  it("leave the rest of a text as it is", async () => {
    const value = fc.stringMatching(/^[!-&(-~]{8,20}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(value, { minLength: 1 }), fc.array(fc.string()), async (values, texts) => {
        const conf = values.map((one) => `dbc_dbpass='${one}'\n`).join("");
        const secrets = found(CONF, conf);
        expect(textOf(secrets.empty(CONF, Buffer.from(conf)))).not.toMatch(/'.*[!-&(-~].*'/);
        const other = Buffer.from(texts.join("\n"));
        if (!values.some((one) => other.includes(one))) expect(secrets.empty("etc/x", other)).toBe(other);
      }),
    );
  });

  it("are so few that a hostile package keeps nobody busy", async () => {
    const conf = Array.from({ length: 40_000 }, (_, index) => `dbc_dbpass='value-${index}-'\n`).join("");
    const secrets = found(CONF, conf);
    expect(textOf(secrets.empty(CONF, Buffer.from(conf))).match(/''/g)).toHaveLength(32);
  });
});

describe("the first start", () => {
  it("fills in new values, the same in all files, and leaves lines that somebody changed", async () => {
    await using folder = await temporaryFolder("filling");
    const paths = ["conf", "other"].map((name) => join(folder.path, name)) as [string, string];
    const [conf, other] = paths;
    const secrets = found(CONF, `dbc_dbpass='${PASSWORD}'\n`);
    const texts = [`a='\\n$x\xe9' ${PASSWORD}.\n`, `${PASSWORD}\nb ${PASSWORD}\n`];
    for (const [index, path] of paths.entries()) {
      const bytes = secrets.empty(path.slice(1), Buffer.from(texts[index] ?? "", "latin1"));
      await writeFile(path, bytes, { mode: 0o640 });
    }
    await writeFile(other, "mine\nb \n");
    const script = join(folder.path, "script");
    const lines = ["status=0", ...fillingLines(secrets.emptied), "exit $status"].join("\n");
    await writeFile(script, lines, "latin1");
    await mustRun(["/bin/sh", script]);
    const filled = await readFile(conf, "latin1");
    const made = /^a='\\n\$x\xe9' ([A-Za-z0-9]{32})\.\n$/.exec(filled)?.[1] ?? "";
    expect(made).toHaveLength(32);
    expect(await readFile(other, "latin1")).toBe(`mine\nb ${made}\n`);
    expect((await stat(conf)).mode & 0o777).toBe(0o640);
    // A second start changes nothing.
    await mustRun(["/bin/sh", script]);
    expect(await readFile(conf, "latin1")).toBe(filled);
  });

  it("makes a value of the characters that its place takes", async () => {
    await using folder = await temporaryFolder("filling");
    const path = join(folder.path, "core.php");
    const text = `\tConfigure::write('Security.cipherSeed', '${"0123456789".repeat(4)}');\n`;
    const secrets = found("etc/zm/core.php", text);
    await writeFile(path, secrets.empty(path.slice(1), Buffer.from(text)));
    await mustRun(["/bin/sh", "-c", fillingLines(secrets.emptied).join("\n")]);
    expect(await readFile(path, "utf8")).toMatch(
      /^\tConfigure::write\('Security\.cipherSeed', '[0-9]{40}'\);\n$/,
    );
  });

  it("gives back any text", async () => {
    await using folder = await temporaryFolder("filling");
    const path = join(folder.path, "file");
    const line = fc.stringMatching(/^[ -~\xa1-\xff]{0,20}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(line, line)), async (around) => {
        const secrets = found(CONF, `dbc_dbpass='${PASSWORD}'\n`);
        const text = around.map(([before, after]) => `${before}${PASSWORD}${after}\n`).join("");
        await writeFile(path, secrets.empty(path.slice(1), Buffer.from(text, "latin1")));
        const script = join(folder.path, "script");
        await writeFile(script, fillingLines(secrets.emptied).join("\n"), "latin1");
        await mustRun(["/bin/sh", script]);
        const filled = await readFile(path, "latin1");
        const start = around[0]?.[0].length ?? 0;
        const made = filled.slice(start, start + 32);
        if (around.length > 0) expect(made).toMatch(/^[A-Za-z0-9]{32}$/);
        expect(around.map(([before, after]) => `${before}${made}${after}\n`).join("")).toBe(filled);
      }),
      { numRuns: 20 },
    );
  });
});
