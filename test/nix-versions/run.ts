import { chmod, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Checks } from "../support/checks.ts";
import { mustRun, run } from "../support/command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type UnpackedNix, unpackNix } from "./debian-nix.ts";

const ROOT = join(import.meta.dir, "../..");
/** Suites of Debian that have other versions of Nix. */
const SUITES = ["trixie", "sid"];
const ACCEPTANCE = ["nix-sets", "nix-user", "nixery-weak-points"];
const COMMANDS: readonly (readonly string[])[] = [
  ["test.mjs", "src/builder/nix"],
  [
    ...["bun.mjs", "test", "--timeout", "300000"],
    ...ACCEPTANCE.map((name) => `./test/gate/acceptance/${name}.acceptance.ts`),
  ],
];

/** Runs everything that uses Nix with one version of it. */
async function testWith({ version, programs }: UnpackedNix, checks: Checks): Promise<void> {
  for (const [script = "", ...parameters] of COMMANDS) {
    await checks.run(`${version}: ${script} ${parameters.join(" ")}`, async () => {
      const command = ["node", join(ROOT, "scripts", script), ...parameters];
      const { exitCode, stdout, stderr } = await run(command, searchPath(programs));
      const counts = [...`${stdout}\n${stderr}`.matchAll(/^ *(\d+ (?:pass|fail|skip))$/gm)];
      console.log(`${version}: ${counts.map(([, count]) => count).join(", ")}`);
      if (exitCode !== 0) throw new Error(`ended with ${exitCode}:\n${stdout}${stderr}`);
    });
  }
}

/** Notes what a version writes, for the tests of the gate. */
async function record({ programs }: UnpackedNix): Promise<void> {
  const command = ["node", join(ROOT, "scripts/bun.mjs"), join(import.meta.dir, "record-texts.ts")];
  console.log((await mustRun(command, searchPath(programs))).trim());
}

function searchPath(programs: string): Readonly<Record<string, string>> {
  return { PATH: `${programs}:${process.env.PATH}` };
}

await using temporary = await temporaryFolder("nix-versions");
// Some tests run Nix as another user.
await chmod(temporary.path, 0o755);
const cache = resolve(process.env.SLIPWAY_TEST_NIX_VERSIONS ?? temporary.path);
const parameters = process.argv.slice(2);
const suites = parameters.filter((one) => !one.startsWith("--"));
const checks = new Checks();
for (const suite of suites.length > 0 ? suites : SUITES) {
  const folder = join(cache, suite);
  await mkdir(folder, { recursive: true });
  const nix = await unpackNix(suite, folder);
  console.log(`${suite} has ${nix.version}`);
  await (parameters.includes("--record") ? record(nix) : testWith(nix, checks));
}
console.log(checks.summary());
process.exitCode = checks.failed > 0 ? 1 : 0;
