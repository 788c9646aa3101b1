import { isDebianPackageName } from "../package-name.ts";
import type { DpkgPackage } from "./dpkg-package.ts";
import { readableTail } from "./readable-tail.ts";

/** What one run of the configure script left. */
export interface ConfigureRun {
  /** 128 and more: it was ended by a signal. */
  readonly exitCode: number;
  /** What it printed last: at most 64 KiB, as a stage keeps it. */
  readonly output: string;
  /** The text of dpkg's status afterwards; `undefined` if there is none. */
  readonly status: string | undefined;
}

/** Why packages are not configured. */
export interface ConfigureFailure {
  /** The package that failed, if the output or the status names one. */
  readonly package: string | undefined;
  /** The script that failed, such as `postinst`, if the output names one. */
  readonly script: string | undefined;
  readonly exitCode: number;
  /** What is wrong with the status, if the scripts themselves succeeded. */
  readonly reason: string | undefined;
  /** The end of the output, up to the first error: at most 20 lines and 4 KiB, without control characters. */
  readonly output: string;
}

const MAX_STATUS_LENGTH = 32 << 20;

const PREINST_LINE = /^slipway: preinst of ([^ ]+) failed: \d+$/;
const PLACE_LINE = /^slipway: ([^ ]+) cannot be unpacked: /;
const ERROR_LINE = /^dpkg: error processing package ([^ ]+) \(--[a-z-]+\):$/;
const SCRIPT_LINE = /^ ?(?:installed|new|old) [^ ]+ package ([a-z-]+) script subprocess /;
const SETTING_UP = /^Setting up ([^ ]+) \([^ ]*\) \.\.\.$/;

const SCRIPTS: Readonly<Record<string, string>> = {
  "pre-installation": "preinst",
  "post-installation": "postinst",
  "pre-removal": "prerm",
  "post-removal": "postrm",
};

/**
 * Why these packages are not all configured; `undefined` if they are.
 *
 * They are if the script ended with 0 and the status names exactly these packages, each `install ok installed`. The
 * packages' scripts may have written anything into the output and the status.
 */
export function configureFailure(
  run: ConfigureRun,
  packages: readonly Pick<DpkgPackage, "name">[],
): ConfigureFailure | undefined {
  const problem = run.exitCode === 0 ? statusProblem(run.status, packages) : undefined;
  if (run.exitCode === 0 && problem === undefined) return undefined;
  const { culprit, script, output } =
    problem === undefined
      ? blame(run.output)
      : { culprit: problem.package, script: undefined, output: run.output };
  return {
    package: culprit,
    script,
    exitCode: run.exitCode,
    reason: problem?.reason,
    output: readableTail(output),
  };
}

interface StatusProblem {
  readonly package: string | undefined;
  readonly reason: string;
}

function statusProblem(
  status: string | undefined,
  packages: readonly Pick<DpkgPackage, "name">[],
): StatusProblem | undefined {
  if (status === undefined) return { package: undefined, reason: "dpkg's status is missing" };
  if (status.length > MAX_STATUS_LENGTH) {
    return { package: undefined, reason: "dpkg's status is too long" };
  }
  const missing = new Set(packages.map(({ name }) => name));
  for (const { name, state } of stanzasOf(status)) {
    if (!missing.delete(name)) {
      const known = packages.some((one) => one.name === name);
      const reason = known
        ? "dpkg's status names it twice"
        : "dpkg's status names a package of another image";
      return { package: known ? name : undefined, reason };
    }
    if (state !== "install ok installed") {
      return { package: name, reason: `its state is ${readableTail(state).slice(0, 100)}` };
    }
  }
  const [first] = missing;
  return first === undefined ? undefined : { package: first, reason: "dpkg's status does not name it" };
}

/** Name and state of each stanza; an absent or repeated field makes the state invalid. */
function* stanzasOf(status: string): Generator<{ readonly name: string; readonly state: string }> {
  let names: string[] = [];
  let states: string[] = [];
  let isEmpty = true;
  let start = 0;
  while (start <= status.length) {
    const newline = status.indexOf("\n", start);
    const end = newline < 0 ? status.length : newline;
    const line = status.slice(start, end);
    start = end + 1;
    if (line.trim() !== "") {
      isEmpty = false;
      const field = /^(package|status):/i.exec(line)?.[1]?.toLowerCase();
      const value = line.slice(line.indexOf(":") + 1).trim();
      if (field === "package") names.push(value);
      if (field === "status") states.push(value);
    }
    if ((line.trim() === "" || start > status.length) && !isEmpty) {
      const [name = ""] = names;
      const isClear = names.length === 1 && states.length === 1;
      yield { name, state: isClear ? (states[0] ?? "") : "not clear" };
      names = [];
      states = [];
      isEmpty = true;
    }
  }
}

interface Blame {
  readonly culprit: string | undefined;
  readonly script: string | undefined;
  /** The output up to what it says about the culprit. */
  readonly output: string;
}

/** The package and script that the output names: the first error, because later ones follow from it. */
function blame(output: string): Blame {
  let settingUp: string | undefined;
  const lines = output.split("\n");
  const upTo = (end: number) => lines.slice(0, end).join("\n");
  for (const [index, line] of lines.entries()) {
    const after = index + 1;
    const prepared = PREINST_LINE.exec(line)?.[1];
    if (prepared !== undefined)
      return { culprit: checkedName(prepared), script: "preinst", output: upTo(after) };
    const placed = PLACE_LINE.exec(line)?.[1];
    if (placed !== undefined) return { culprit: checkedName(placed), script: undefined, output: upTo(after) };
    const failed = ERROR_LINE.exec(line)?.[1];
    if (failed !== undefined) {
      const script = SCRIPTS[SCRIPT_LINE.exec(lines[after] ?? "")?.[1] ?? ""];
      return { culprit: checkedName(failed), script, output: upTo(after + 1) };
    }
    settingUp = SETTING_UP.exec(line)?.[1] ?? settingUp;
  }
  return { culprit: checkedName(settingUp), script: undefined, output };
}

/** A name without its architecture; `undefined` if a script made it up. */
function checkedName(text: string | undefined): string | undefined {
  const name = text?.replace(/:[a-z0-9-]+$/, "");
  return name !== undefined && isDebianPackageName(name) ? name : undefined;
}
