import type { CommandRunner } from "./command-runner.ts";

/** The command at low priority, so that builds and requests come first. Unchanged if `nice` is not installed. */
export function atLowPriority(
  runner: Pick<CommandRunner, "find">,
  command: readonly string[],
): readonly string[] {
  return runner.find("nice") === undefined ? command : ["nice", "-n", "15", ...command];
}
