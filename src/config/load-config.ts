import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import type { z } from "zod";
import { type Config, ConfigSchema } from "./schema.ts";
import { SETTINGS } from "./settings.ts";

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

type Tree = { [key: string]: unknown };

/**
 * The configuration from a YAML file, if one is named, with environment variables over it.
 *
 * `file` is a path; without it `SLIPWAY_CONFIG` names one, and without that there is none.
 *
 * @throws {ConfigError} listing every problem at once, each with its path
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>, file?: string): Config {
  const path = file ?? environment.SLIPWAY_CONFIG;
  const tree = path === undefined ? {} : readTree(path);
  const unknown = applyEnvironment(tree, environment);
  const result = ConfigSchema.safeParse(tree);
  const problems = [...unknown, ...(result.success ? [] : result.error.issues.map(describe))];
  if (!result.success || problems.length > 0) throw new ConfigError(problems);
  return result.data;
}

function readTree(path: string): Tree {
  let value: unknown;
  try {
    value = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw new ConfigError([`${path}: ${error instanceof Error ? error.message : String(error)}`]);
  }
  if (value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new ConfigError([`${path}: is no mapping`]);
  return value as Tree;
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

function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    const next = node[key];
    if (typeof next === "object" && next !== null) node = next as Tree;
    else node = node[key] = {} as Tree;
  }
  node[path.at(-1) as string] = value;
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${[...issue.path, key].join(".")}: is no setting`).join("\n  ");
  }
  return `${issue.path.join(".") || "configuration"}: ${issue.message}`;
}
