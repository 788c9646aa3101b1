import { DISTRIBUTION_RULES, type DistributionRule } from "./distribution-rules.ts";
import { isTree, setAt, type Tree } from "./tree.ts";

/** A Distribution configuration, translated to Slipway's settings. */
export interface TranslatedConfig {
  /** Settings for the schema to check. */
  readonly tree: Tree;
  /** Settings that were ignored safely, each with its path. */
  readonly warnings: readonly string[];
  /** Settings that cannot be ignored; with any of these the server does not start. */
  readonly problems: readonly string[];
}

/** Distribution's defaults, where Slipway's differ. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  "registry.deletes": false,
  "http.tagPageSize": 1000,
  "cache.driver": "none",
};

/** Whether a configuration file is Distribution's: only those have a version. */
export function isDistributionConfig(tree: Tree): boolean {
  return "version" in tree;
}

/** Translates a Distribution configuration, version 0.1. */
export function translateDistribution(source: Tree): TranslatedConfig {
  const warnings: string[] = [];
  const problems: string[] = [];
  const settings: Record<string, unknown> = { ...DEFAULTS };
  if (String(source.version) !== "0.1") problems.push(`version: ${String(source.version)} is not supported`);
  for (const { path, value } of valuesOf(expandNames(source), [])) {
    const rule = ruleFor(path);
    if (rule === undefined) warnings.push(`${path}: is unknown and ignored`);
    else apply(rule, path, value, source, { settings, warnings, problems });
  }
  if (isTree(source.storage) && isTree(source.storage.cache) && "layerinfo" in source.storage.cache) {
    warnings.push("storage.cache.layerinfo: is deprecated; use storage.cache.blobdescriptor");
  }
  const tree: Tree = {};
  for (const [path, value] of Object.entries(settings)) setAt(tree, path.split("."), value);
  return { tree, warnings, problems };
}

function apply(
  rule: DistributionRule,
  path: string,
  value: unknown,
  source: Tree,
  outcome: { settings: Record<string, unknown>; warnings: string[]; problems: string[] },
): void {
  switch (rule.kind) {
    case "use":
      try {
        Object.assign(outcome.settings, rule.settings(value, source));
        const warning = rule.warning?.(value);
        if (warning !== undefined) outcome.warnings.push(`${path}: ${warning}`);
      } catch (error) {
        outcome.problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
      }
      break;
    case "warn":
      outcome.warnings.push(`${path}: ${rule.reason}`);
      break;
    case "refuse":
      outcome.problems.push(`${path}: ${rule.reason}`);
      break;
    case "ignore":
      break;
  }
}

/** Expands short forms: `storage: inmemory` means a mapping with that one key. */
function expandNames(source: Tree): Tree {
  const expanded = { ...source };
  for (const key of ["storage", "auth"]) {
    const value = expanded[key];
    if (typeof value === "string") expanded[key] = { [value]: {} };
  }
  return expanded;
}

/**
 * Every value with its path. Lists and empty mappings count as values. So does a mapping with a `use` rule, which comes
 * before its content.
 */
function* valuesOf(tree: Tree, above: readonly string[]): Generator<{ path: string; value: unknown }> {
  for (const [key, value] of Object.entries(tree)) {
    const path = [...above, key];
    const hasKeys = isTree(value) && Object.keys(value).length > 0;
    if (!hasKeys || DISTRIBUTION_RULES[path.join(".")]?.kind === "use") yield { path: path.join("."), value };
    if (hasKeys) yield* valuesOf(value, path);
  }
}

/** The rule with the longest path that covers this one. */
function ruleFor(path: string): DistributionRule | undefined {
  const keys = path.split(".");
  for (let length = keys.length; length > 0; length -= 1) {
    const prefix = keys.slice(0, length);
    const rule =
      DISTRIBUTION_RULES[prefix.join(".")] ?? DISTRIBUTION_RULES[[...prefix.slice(0, -1), "*"].join(".")];
    const isWholePath = length === keys.length;
    // A rule that uses a mapping does not apply to the other keys in it.
    if (rule !== undefined && (isWholePath || rule.kind !== "use")) return rule;
  }
  return undefined;
}
