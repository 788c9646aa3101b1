import { existsSync } from "node:fs";
import { metadataPath } from "../compose/storage.ts";
import { compose } from "../compose.ts";
import { mebibytes } from "./build-display.ts";
import { type Command, type CommandContext, ExitCode, UsageError } from "./command.ts";

/** `slipway check`: counts stored content that is not in use. */
export const checkCommand: Command = {
  summary: "Counts what interrupted uploads left behind; changes nothing",
  arguments: "",
  options: { json: { type: "boolean", help: "Prints a JSON object" } },
  positionals: { min: 0, max: 0 },
  run: check,
};

async function check({ config, log, options }: CommandContext): Promise<ExitCode> {
  const path = metadataPath(config);
  if (path !== undefined && !existsSync(path))
    throw new UsageError(`there is no registry here: no file ${path}`);
  // The builder would make folders for its state, and try its sandbox.
  const builder = { ...config.builder, enabled: false };
  await using slipway = await compose({ ...config, builder }, log);
  const { blobs, uploads, expiredSessions, isComplete } = await slipway.countLeftovers();
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ blobs, uploads, expiredSessions, isComplete }, undefined, 2)}\n`,
    );
    return ExitCode.ok;
  }
  const least = isComplete ? "" : "at least ";
  process.stdout.write(
    [
      `blobs without a record     ${least}${blobs.count}, ${mebibytes(blobs.bytes)}`,
      `uploads without a session  ${uploads.count}, ${mebibytes(uploads.bytes)}`,
      `expired sessions           ${expiredSessions}`,
      "",
    ].join("\n"),
  );
  return ExitCode.ok;
}
