import type { Command, CommandOption } from "./command.ts";

const COMMON: Readonly<Record<string, CommandOption>> = {
  config: {
    type: "string",
    short: "c",
    value: "FILE",
    help: "Reads settings from this YAML file (default: the one SLIPWAY_CONFIG names)",
  },
  help: { type: "boolean", short: "h", help: "Prints this help" },
  version: { type: "boolean", short: "V", help: "Prints the version" },
};

/** The help of the whole program. */
export function programHelp(commands: Readonly<Record<string, Command>>): string {
  const rows = Object.entries(commands).map(
    ([name, { arguments: words, summary }]) => [`${name} ${words}`.trim(), summary] as const,
  );
  return [
    "Usage: slipway COMMAND [OPTION...]",
    "",
    "A container registry that also builds the image you ask for.",
    "",
    "Commands:",
    ...table(rows),
    "",
    "Run slipway COMMAND --help for details. Exit codes: 0 success, 1 failure, 2 bad command line",
    "or configuration, 3 no such image or package.",
    "",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp(name: string, command: Command): string {
  const options = Object.entries({ ...command.options, ...COMMON }).map(
    ([option, { short, value, help }]) => {
      const long = `--${option}${value === undefined ? "" : ` ${value}`}`;
      return [short === undefined ? `    ${long}` : `-${short}, ${long}`, help] as const;
    },
  );
  const usage = `Usage: slipway ${name} ${command.arguments}`.trimEnd();
  return [`${usage} [OPTION...]`, "", `${command.summary}.`, "", "Options:", ...table(options), ""].join(
    "\n",
  );
}

function table(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
