import { readFile } from "node:fs/promises";
import { diffLocks, type LockChange, type LockDiff, parseLock } from "../builder/lock-diff.ts";
import { type Command, type CommandContext, ExitCode, UsageError } from "./command.ts";

/** `slipway lock diff A B`: shows what changed between the locks of two images. */
export const lockCommand: Command = {
  summary: "Shows what changed between the locks of two images",
  arguments: "diff FILE FILE",
  options: { json: { type: "boolean", help: "Prints a JSON object" } },
  positionals: { min: 3, max: 3 },
  run: lock,
};

async function lock({ positionals, options }: CommandContext): Promise<ExitCode> {
  const [action, before = "", after = ""] = positionals;
  if (action !== "diff") throw new UsageError(`slipway lock ${action}: there is only slipway lock diff`);
  const diff = diffLocks(await readLock(before), await readLock(after));
  process.stdout.write(
    options.json === true ? `${JSON.stringify(diff, undefined, 2)}\n` : linesOf(diff).join(""),
  );
  return ExitCode.ok;
}

async function readLock(file: string) {
  try {
    return parseLock(await readFile(file, "utf8"));
  } catch (error) {
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function linesOf({ settings, packages }: LockDiff): readonly string[] {
  if (settings.length === 0 && packages.length === 0) return ["the locks are equal\n"];
  return [...settings.map(lineOf), ...packages.map(lineOf)];
}

function lineOf({ name, before, after }: LockChange): string {
  if (before === undefined) return `+ ${name} ${after}`.trimEnd().concat("\n");
  if (after === undefined) return `- ${name} ${before}`.trimEnd().concat("\n");
  return `~ ${name} ${before} -> ${after}\n`;
}
