import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";

/** What `slipway` ends with; scripts rely on these. */
export const ExitCode = {
  ok: 0,
  /** What was asked for did not succeed. */
  failed: 1,
  /** The command line or the configuration cannot be used. */
  usage: 2,
  /** There is no such image: an unknown package, packages that conflict, or a name that says nothing. */
  unknownImage: 3,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What a command runs with. */
export interface CommandContext {
  readonly config: Config;
  readonly log: Logger;
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** An option of a command, as `node:util` parses it. */
export interface CommandOption {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** How its value is called in the help; absent for switches. */
  readonly value?: string;
  readonly help: string;
}

/** One command of the program. */
export interface Command {
  readonly summary: string;
  /** What follows the command's name, such as `NAME`. */
  readonly arguments: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  /** What the command line must hold besides options. */
  readonly positionals: { readonly least: number; readonly most: number };
  /** Severity logged unless the configuration says otherwise; commands that draw progress are quiet. */
  run(context: CommandContext): Promise<ExitCode>;
}

/** A command line that cannot be used. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
