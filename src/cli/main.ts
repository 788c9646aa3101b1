import { parseArgs } from "node:util";
import { environment } from "../config/environment.ts";
import { ConfigError, loadConfig } from "../config/load-config.ts";
import { createLogger } from "../log.ts";
import { VERSION } from "../version.ts";
import { buildCommand } from "./build.ts";
import { checkCommand } from "./check.ts";
import { type Command, ExitCode, UsageError } from "./command.ts";
import { commandHelp, programHelp } from "./help.ts";
import { lockCommand } from "./lock.ts";
import { searchCommand } from "./search.ts";
import { serveCommand } from "./serve.ts";

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  build: buildCommand,
  search: searchCommand,
  check: checkCommand,
  lock: lockCommand,
};

const COMMON = {
  config: { type: "string", short: "c" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "V" },
} as const;

async function main(argv: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(programHelp(COMMANDS));
    return name === undefined ? ExitCode.usage : ExitCode.ok;
  }
  if (name === "--version" || name === "-V") return printVersion();
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) throw new UsageError(`no such command: ${name}`);
  return await runCommand(name, command, rest);
}

async function runCommand(name: string, command: Command, argv: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parse(name, command, argv);
  if (values.help) {
    process.stdout.write(commandHelp(name, command));
    return ExitCode.ok;
  }
  if (values.version) return printVersion();
  if (positionals.length < command.positionals.min || positionals.length > command.positionals.max) {
    throw new UsageError(`usage: slipway ${name} ${command.arguments}; see slipway ${name} --help`);
  }
  const file = typeof values.config === "string" ? values.config : undefined;
  const { config, warnings } = loadConfig(environment(), file);
  const log = createLogger(config.log.level);
  for (const warning of warnings) log.warn({ area: "config" }, warning);
  return await command.run({ config, log, positionals, options: values });
}

function parse(name: string, command: Command, argv: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(command.options).map(([key, { type, short, multiple }]) => [
      key,
      { type, ...(short && { short }), ...(multiple && { multiple }) },
    ]),
  );
  try {
    return parseArgs({ args: [...argv], options: { ...options, ...COMMON }, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`slipway ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function printVersion(): ExitCode {
  process.stdout.write(`slipway ${VERSION}\n`);
  return ExitCode.ok;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError || error instanceof ConfigError;
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isUsage ? ExitCode.usage : ExitCode.failed;
}
