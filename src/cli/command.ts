import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";

/** Exit codes of `slipway`; scripts rely on these. */
export const ExitCode = {
  ok: 0,
  /** The command failed. */
  failed: 1,
  /** The command line or the configuration has mistakes. */
  usage: 2,
  /** No such image: an unknown package, conflicting packages, or a name that cannot be built. Or an empty search. */
  unknownImage: 3,
} as const;

/** One of the exit codes. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The value of an option on the command line. */
export type OptionValue = string | boolean | readonly string[] | undefined;

/** The input of a command. */
export interface CommandContext {
  readonly config: Config;
  readonly log: Logger;
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** An option of a command; `node:util` parses it. */
export interface CommandOption {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** Whether it can be given several times; its value is then a list. */
  readonly multiple?: true;
  /** The name of its value in the help; absent for switches. */
  readonly value?: string;
  readonly help: string;
}

/** One command of the program. */
export interface Command {
  readonly summary: string;
  /** The arguments, for the help, such as `NAME`. */
  readonly arguments: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  /** How many arguments the command takes. */
  readonly positionals: { readonly min: number; readonly max: number };
  /** Runs the command. */
  run(context: CommandContext): Promise<ExitCode>;
}

/** A mistake in the command line. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
