import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { isDistributionConfig, translateDistribution } from "./distribution-config.ts";
import { applyDistributionEnvironment } from "./distribution-environment.ts";
import { type Config, ConfigSchema } from "./schema.ts";
import { SETTINGS } from "./settings.ts";
import { isTree, setAt, type Tree } from "./tree.ts";

/** A configuration that cannot be used; the message lists every problem, each by its path. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(["the configuration has problems:", ...problems.map((problem) => `  ${problem}`)].join("\n"));
    this.problems = problems;
  }
}

/** Variables of ours that set nothing in the configuration. */
const OTHER_VARIABLES: readonly string[] = ["SLIPWAY_CONFIG"];

/** A configuration, and what an operator should know of it. */
export interface LoadedConfig {
  readonly config: Config;
  /** What a file of Distribution's says that is left aside, each by its path. */
  readonly warnings: readonly string[];
}

/**
 * The configuration from a YAML file, if one is named, with environment variables over it.
 *
 * `file` is a path; without it `SLIPWAY_CONFIG` names one, and without that there is none. A file of Distribution's
 * (version 0.1) is taken as it is, with its own `REGISTRY_…` variables over it, and ours over those.
 *
 * @throws {ConfigError} listing every problem at once, each with its path
 */
export function loadConfig(
  environment: Readonly<Record<string, string | undefined>>,
  file?: string,
): LoadedConfig {
  const path = file ?? environment.SLIPWAY_CONFIG;
  const source = path === undefined ? {} : readTree(path);
  const { tree, warnings, problems } = isDistributionConfig(source)
    ? fromDistribution(source, environment)
    : { tree: source, warnings: [], problems: [] };
  const unknown = applyEnvironment(tree, environment);
  const result = ConfigSchema.safeParse(tree);
  const all = [...problems, ...unknown, ...(result.success ? [] : result.error.issues.map(describe))];
  if (!result.success || all.length > 0) throw new ConfigError(all);
  return { config: result.data, warnings };
}

function fromDistribution(source: Tree, environment: Readonly<Record<string, string | undefined>>) {
  applyDistributionEnvironment(source, environment);
  return translateDistribution(source);
}

function readTree(path: string): Tree {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigError([`${path}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  if (value === null) return {};
  if (!isTree(value)) throw new ConfigError([`${path}: is no mapping`]);
  return value;
}

/** Sets what variables say; answers with the variables of ours that name no setting. */
function applyEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith("SLIPWAY_") || text === undefined) continue;
    if (OTHER_VARIABLES.includes(variable) || variable.startsWith("SLIPWAY_TEST_")) continue;
    const setting = SETTINGS.find((candidate) => candidate.variable === variable);
    if (setting === undefined) problems.push(`${variable}: names no setting`);
    else setAt(tree, setting.path, parseVariable(text, setting.schema));
  }
  return problems;
}

/** A variable is text; where the schema wants something else it is read as YAML. */
function parseVariable(text: string, schema: z.ZodType): unknown {
  if (schema.safeParse(text).success) return text;
  try {
    return parseYaml(text);
  } catch {
    return text;
  }
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${[...issue.path, key].join(".")}: is no setting`).join("\n  ");
  }
  return `${issue.path.join(".") || "configuration"}: ${issue.message}`;
}
