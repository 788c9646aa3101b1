import type { CommandRunner } from "./command-runner.ts";

/** The command, run so that builds and requests come first, where `nice` is installed. */
export function atLowPriority(
  runner: Pick<CommandRunner, "find">,
  command: readonly string[],
): readonly string[] {
  return runner.find("nice") === undefined ? command : ["nice", "-n", "15", ...command];
}
