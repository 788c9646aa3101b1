import { isAbsolute, resolve } from "node:path";
import { writeOciLayout } from "../builder/oci-layout.ts";
import { compose } from "../compose.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { BuildDisplay } from "./build-display.ts";
import { type Command, type CommandContext, ExitCode, UsageError } from "./command.ts";

/** `slipway build NAME`: builds an image as a pull would. */
export const buildCommand: Command = {
  summary: "Builds an image such as apt/curl/git, as a pull would",
  arguments: "NAME[:TAG]",
  options: {
    output: {
      type: "string",
      short: "o",
      value: "oci:DIR",
      help: "Also writes the image to an OCI layout in DIR",
    },
    quiet: { type: "boolean", short: "q", help: "Shows no progress" },
  },
  positionals: { min: 1, max: 1 },
  run: build,
};

/** Faults of names that cannot be built; trying again does not help. */
const UNKNOWN: ReadonlySet<Fault> = new Set(["manifest-unknown", "package-unknown", "package-conflict"]);

async function build({ config, log, positionals, options }: CommandContext): Promise<ExitCode> {
  const { repository, tag } = parseImageName(positionals[0] ?? "");
  const folder = parseOutput(options.output);
  // The display shows what these log lines would.
  if (log.level === "info") log.level = "warn";
  const display = new BuildDisplay(process.stderr, options.quiet === true);
  await using slipway = await compose(config, log);
  const { builder, images } = slipway;
  if (builder === undefined) throw new UsageError("the builder is disabled; set builder.enabled to true");
  if (!builder.claims(repository, tag))
    throw new UsageError(`no package source builds ${repository}; try apt/curl`);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    const waiter = { callerKey: "cli", signal: interrupted.signal };
    await builder.ensure(repository, tag, waiter, (event) => display.show(event));
    if (folder !== undefined) await writeOciLayout(images, repository, tag, folder);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    display.fail(error.message, error.detail);
    return UNKNOWN.has(error.fault) ? ExitCode.unknownImage : ExitCode.failed;
  } finally {
    display.close();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
  const manifest = await images.findManifest(repository, tag);
  process.stdout.write(`${repository}:${tag}@${manifest?.digest}\n`);
  return ExitCode.ok;
}

function parseImageName(text: string): { readonly repository: RepositoryName; readonly tag: Tag } {
  const colon = text.indexOf(":");
  try {
    const tag = parseTag(colon < 0 ? "latest" : text.slice(colon + 1));
    return { repository: parseRepositoryName(colon < 0 ? text : text.slice(0, colon)), tag };
  } catch (error) {
    throw new UsageError(`${text}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseOutput(text: string | boolean | undefined): string | undefined {
  if (text === undefined) return undefined;
  const match = /^oci:(.+)$/.exec(String(text));
  if (match?.[1] === undefined) throw new UsageError("--output must be oci:DIR");
  return isAbsolute(match[1]) ? match[1] : resolve(match[1]);
}
