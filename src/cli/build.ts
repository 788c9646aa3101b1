import { readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { LockError } from "../builder/lock-error.ts";
import { type LockedImage, parseLocks } from "../builder/locked-image.ts";
import { writeOciLayout } from "../builder/oci-layout.ts";
import type { OnDemandBuilder } from "../builder/on-demand-builder.ts";
import { compose } from "../compose.ts";
import { encodedOf } from "../oci/digest.ts";
import { parseTag, type Tag } from "../oci/reference.ts";
import { type Fault, RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/repository-name.ts";
import { BuildDisplay } from "./build-display.ts";
import { type Command, type CommandContext, ExitCode, type OptionValue, UsageError } from "./command.ts";

/** `slipway build NAME`: builds an image as a pull would; `slipway build --lock FILE`: builds one again. */
export const buildCommand: Command = {
  summary: "Builds an image such as apt/curl/git, as a pull would, or again from its lock",
  arguments: "[NAME[:TAG]]",
  options: {
    lock: {
      type: "string",
      short: "l",
      multiple: true,
      value: "FILE",
      help: "Builds the image of this lock again; once for each platform of an index",
    },
    output: {
      type: "string",
      short: "o",
      value: "oci:DIR",
      help: "Also writes the image to an OCI layout in DIR",
    },
    quiet: { type: "boolean", short: "q", help: "Shows no progress" },
  },
  positionals: { min: 0, max: 1 },
  run: build,
};

/** Faults of names that cannot be built; trying again does not help. */
const UNKNOWN: ReadonlySet<Fault> = new Set(["manifest-unknown", "package-unknown", "package-conflict"]);
/** Digits of a lock's digest in the name of an image that was given none. */
const NAME_DIGITS = 12;

interface ImageName {
  readonly repository: RepositoryName;
  readonly tag: Tag;
}

async function build({ config, log, positionals, options }: CommandContext): Promise<ExitCode> {
  const locks = await readLocks(options.lock);
  const { repository, tag } = nameOf(positionals[0], locks);
  const folder = parseOutput(options.output);
  // The display shows what these log lines would.
  if (log.level === "info") log.level = "warn";
  const display = new BuildDisplay(process.stderr, options.quiet === true);
  await using slipway = await compose(config, log);
  const { builder, images } = slipway;
  if (builder === undefined) throw new UsageError("the builder is disabled; set builder.enabled to true");
  if (locks.length === 0 && !builder.claims(repository, tag))
    throw new UsageError(`no package source builds ${repository}; try apt/curl`);
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    await run(builder, { repository, tag, locks }, display, interrupted.signal);
    if (folder !== undefined) await writeOciLayout(images, repository, tag, folder);
  } catch (error) {
    if (error instanceof LockError) throw lockUsage(options.lock, error);
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

function run(
  builder: OnDemandBuilder,
  { repository, tag, locks }: ImageName & { readonly locks: readonly LockedImage[] },
  display: BuildDisplay,
  signal: AbortSignal,
): Promise<void> {
  const waiter = { callerKey: "cli", signal };
  const show = display.show.bind(display);
  return locks.length > 0
    ? builder.buildLocked({ repository, tag, locks }, waiter, show)
    : builder.ensure(repository, tag, waiter, show);
}

/** The locks in the files of `--lock`; none if it is not given. */
async function readLocks(option: OptionValue): Promise<readonly LockedImage[]> {
  if (!Array.isArray(option)) return [];
  try {
    return parseLocks(await Promise.all(option.map((file) => readFile(file, "utf8"))));
  } catch (error) {
    throw lockUsage(option, error);
  }
}

function lockUsage(files: OptionValue, error: unknown): UsageError {
  return new UsageError(`--lock ${files}: ${error instanceof Error ? error.message : String(error)}`);
}

/** The image's name as it is given; otherwise, one that is made from its locks. */
function nameOf(text: string | undefined, [lock]: readonly LockedImage[]): ImageName {
  if (text !== undefined) return parseImageName(text);
  if (lock === undefined) throw new UsageError("usage: slipway build NAME[:TAG]; see slipway build --help");
  return parseImageName(`locked/${encodedOf(lock.lock.digest).slice(0, NAME_DIGITS)}`);
}

function parseImageName(text: string): ImageName {
  const colon = text.indexOf(":");
  try {
    const tag = parseTag(colon < 0 ? "latest" : text.slice(colon + 1));
    return { repository: parseRepositoryName(colon < 0 ? text : text.slice(0, colon)), tag };
  } catch (error) {
    throw new UsageError(`${text}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parseOutput(text: OptionValue): string | undefined {
  if (text === undefined) return undefined;
  const match = /^oci:(.+)$/.exec(String(text));
  if (match?.[1] === undefined) throw new UsageError("--output must be oci:DIR");
  return isAbsolute(match[1]) ? match[1] : resolve(match[1]);
}
