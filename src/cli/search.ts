import { DEFAULT_FOUND, MAX_FOUND, type PackageIndex, type SourcePackage } from "../builder/package-index.ts";
import { compose } from "../compose.ts";
import { type Command, type CommandContext, ExitCode, type OptionValue, UsageError } from "./command.ts";
import { imageOf, searchTable } from "./search-table.ts";

/** `slipway search WORD`: finds packages to build images from. */
export const searchCommand: Command = {
  summary: "Finds packages by a word in their name or description",
  arguments: "WORD",
  options: {
    source: { type: "string", short: "s", value: "NAME", help: "Searches only this source, such as apt" },
    limit: {
      type: "string",
      short: "n",
      value: "N",
      help: `Prints at most N packages: 1 to ${MAX_FOUND}, by default ${DEFAULT_FOUND}`,
    },
    json: { type: "boolean", help: "Prints a JSON array" },
    quiet: { type: "boolean", short: "q", help: "Shows no progress" },
  },
  positionals: { min: 1, max: 1 },
  run: search,
};

async function search({ config, log, positionals, options }: CommandContext): Promise<ExitCode> {
  const limit = parseLimit(options.limit);
  const word = (positionals[0] ?? "").trim();
  if (word === "") throw new UsageError("slipway search needs a word");
  // The command prints what these log lines would say.
  if (log.level === "info" || log.level === "warn") log.level = "error";
  await using slipway = await compose(config, log);
  const { packageIndex } = slipway;
  if (packageIndex === undefined) {
    throw new UsageError("searches are disabled; set builder.enabled and builder.search to true");
  }
  const sources = chosenSources(packageIndex, options.source);
  const isSearchable = await updateAll(packageIndex, sources, options.quiet === true);
  if (!isSearchable) return ExitCode.failed;
  const found = await packageIndex.search({ word, sources, limit });
  if (options.json === true) process.stdout.write(`${JSON.stringify(found.map(jsonOf), undefined, 2)}\n`);
  else for (const line of searchTable(found, process.stdout.columns)) process.stdout.write(`${line}\n`);
  if (found.length > 0) return ExitCode.ok;
  say(`no package in ${sources.join(", ")} matches ${JSON.stringify(word)}`);
  return ExitCode.unknownImage;
}

function parseLimit(text: OptionValue): number {
  if (text === undefined) return DEFAULT_FOUND;
  const limit = /^\d{1,3}$/.test(String(text)) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_FOUND) throw new UsageError(`--limit must be a number from 1 to ${MAX_FOUND}`);
  return limit;
}

function chosenSources(index: PackageIndex, wanted: OptionValue): readonly string[] {
  const names = index.sources.map(({ name }) => name);
  if (names.length === 0) throw new UsageError("no package source can be searched");
  if (wanted === undefined) return names;
  if (names.includes(String(wanted))) return [String(wanted)];
  throw new UsageError(`no such source: ${wanted}; available: ${names.join(", ")}`);
}

/** Updates the indexes, and prints each failure. Returns false if there is nothing to search. */
async function updateAll(index: PackageIndex, names: readonly string[], isQuiet: boolean): Promise<boolean> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  try {
    let isSearchable = false;
    for (const source of index.sources.filter(({ name }) => names.includes(name))) {
      const { name } = source;
      const onReading = () => {
        if (!isQuiet) say(`reading the packages of ${name}; the next search will be faster`);
      };
      const failure = await failureOf(async () => {
        const availability = await source.available();
        if (!availability.available) throw new Error(`not available: ${availability.reason}`);
        await index.update(name, { signal: interrupted.signal, refresh: true, onReading });
      });
      interrupted.signal.throwIfAborted();
      const isIndexed = await index.isIndexed(name);
      isSearchable ||= isIndexed;
      if (failure === undefined) continue;
      say(`${name}: ${failure}${isIndexed ? "; searching the previous index" : ""}`);
    }
    return isSearchable;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/** Runs the work; resolves to its error message, or to `undefined` if it succeeded. */
async function failureOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** A package in the JSON output. Scripts rely on its fields: add fields, but never remove one. */
function jsonOf(found: SourcePackage) {
  const { source, name, version, description, homepage, license, mainProgram, match } = found;
  return {
    image: imageOf(found),
    source,
    name,
    version,
    description,
    homepage: homepage ?? null,
    license: license ?? null,
    mainProgram: mainProgram ?? null,
    match,
  };
}

function say(text: string): void {
  process.stderr.write(`slipway: ${text}\n`);
}
