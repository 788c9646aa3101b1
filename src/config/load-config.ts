import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { isDistributionConfig, translateDistribution } from "./distribution-config.ts";
import { applyDistributionEnvironment } from "./distribution-environment.ts";
import { isServiceVariable } from "./kubernetes-environment.ts";
import { applyNixeryEnvironment } from "./nixery-environment.ts";
import { type Config, ConfigSchema } from "./schema.ts";
import { SETTINGS } from "./settings.ts";
import { isTree, setAt, type Tree } from "./tree.ts";

/** A configuration with mistakes. The message lists every problem with its path. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(["the configuration has problems:", ...problems.map((problem) => `  ${problem}`)].join("\n"));
    this.problems = problems;
  }
}

/** `SLIPWAY_…` variables that are not settings. */
const OTHER_VARIABLES: readonly string[] = ["SLIPWAY_CONFIG"];

/** A configuration and its warnings. */
export interface LoadedConfig {
  readonly config: Config;
  /** Settings of a Distribution configuration that were ignored, and the effects of Nixery's variables. */
  readonly warnings: readonly string[];
}

/**
 * Reads the configuration: a YAML file, if one is named, overridden by environment variables.
 *
 * `file` is a path; without it, `SLIPWAY_CONFIG` names the file, if set. The file can be Distribution's (version 0.1);
 * its `REGISTRY_…` variables then override it, and `SLIPWAY_…` variables override both. Nixery's variables apply where
 * no setting is given.
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
  const nixery = applyNixeryEnvironment(tree, environment);
  const result = ConfigSchema.safeParse(tree);
  const allProblems = [
    ...problems,
    ...unknown,
    ...nixery.problems,
    ...(result.success ? [] : result.error.issues.map(describe)),
  ];
  if (!result.success || allProblems.length > 0) throw new ConfigError(allProblems);
  return { config: result.data, warnings: [...warnings, ...nixery.warnings] };
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
  if (!isTree(value)) throw new ConfigError([`${path}: is not a YAML mapping`]);
  return value;
}

/** Applies the variables; returns a problem for each `SLIPWAY_…` variable that is not a setting. */
function applyEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const problems: string[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith("SLIPWAY_") || text === undefined) continue;
    if (OTHER_VARIABLES.includes(variable) || variable.startsWith("SLIPWAY_TEST_")) continue;
    if (isServiceVariable(variable, text)) continue;
    const setting = SETTINGS.find((candidate) => candidate.variable === variable);
    if (setting === undefined) problems.push(`${variable}: is not a known setting`);
    else setAt(tree, setting.path, parseVariable(text, setting.schema));
  }
  return problems;
}

/** Reads a variable as text, or as YAML if the schema does not accept text. */
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
    return issue.keys.map((key) => `${[...issue.path, key].join(".")}: is not a known setting`).join("\n  ");
  }
  return `${issue.path.join(".") || "configuration"}: ${issue.message}`;
}
