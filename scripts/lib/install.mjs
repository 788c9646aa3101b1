import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { withInstallLock } from "./install-lock.mjs";
import { LaunchError } from "./launch-error.mjs";
import { runCommand } from "./run-command.mjs";

const STAMP = join("node_modules", ".slipway-installed");
const LOCK_FOLDER = ".slipway-installing";

/**
 * Installs `node_modules` as package-lock.json says. Quick if it is up to date.
 *
 * @throws {LaunchError} if npm fails, with its output
 */
export async function ensureInstalled(root) {
  if (isStamped(root)) return;
  await withInstallLock(
    join(root, LOCK_FOLDER),
    async () => {
      if (isStamped(root)) return;
      if (!matchesLock(root)) await install(root);
      await writeFile(join(root, STAMP), stampFor(root));
    },
    () => console.error("slipway: another process is installing dependencies; waiting for it"),
  );
}

function isStamped(root) {
  return readIfThere(join(root, STAMP)) === stampFor(root);
}

/** A text that changes with the lock and the platform, because machines can share a folder. */
function stampFor(root) {
  const lock = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  return `${lock} ${process.platform}-${process.arch}\n`;
}

/** Whether npm has installed exactly the lock's packages, by npm's own record in `node_modules`. */
function matchesLock(root) {
  const record = readIfThere(join(root, "node_modules", ".package-lock.json"));
  if (record === undefined) return false;
  const installed = JSON.parse(record).packages;
  const { "": _project, ...locked } = JSON.parse(
    readFileSync(join(root, "package-lock.json"), "utf8"),
  ).packages;
  return (
    Object.keys(installed).every((path) => path in locked) &&
    Object.entries(locked).every(([path, { integrity, optional }]) =>
      path in installed ? installed[path].integrity === integrity : optional === true,
    )
  );
}

async function install(root) {
  const started = Date.now();
  console.error("slipway: installing dependencies (only when they change)");
  const [npm, ...first] = npmCommand();
  const args = [...first, "ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund"];
  const { exitCode, output } = await runCommand(npm, args, { capture: true, cwd: root }).catch((error) => {
    throw new LaunchError(`cannot run npm to install dependencies: ${error.message}`);
  });
  if (exitCode > 128) throw new LaunchError("interrupted while installing dependencies", exitCode);
  if (exitCode !== 0)
    throw new LaunchError(`installing dependencies failed; npm said:\n\n${output.trim()}\n`);
  console.error(`slipway: installed in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

/** The npm that started us, or else the one on PATH. Other package managers would not read our lock. */
function npmCommand() {
  const launcher = process.env.npm_execpath;
  return launcher !== undefined && /^npm(-cli)?\.c?js$/.test(basename(launcher))
    ? [process.execPath, launcher]
    : ["npm"];
}

function readIfThere(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
