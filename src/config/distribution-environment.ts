import { parse as parseYaml } from "yaml";
import { isServiceVariable } from "./kubernetes-environment.ts";
import { isTree, type Tree } from "./tree.ts";

const PREFIX = "REGISTRY_";

/** Distribution's variables that are not settings. */
const OTHER: ReadonlySet<string> = new Set(["REGISTRY_CONFIGURATION_PATH"]);

/**
 * Applies `REGISTRY_…` variables to a Distribution configuration, in sorted order, as Distribution does. The words of
 * a variable's name are keys from the top, in any case; a number is an index of a list; the value is YAML.
 */
export function applyDistributionEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const variable of Object.keys(environment).toSorted()) {
    const text = environment[variable];
    if (!variable.startsWith(PREFIX) || OTHER.has(variable) || text === undefined) continue;
    if (isServiceVariable(variable, text)) continue;
    setAt(tree, variable.slice(PREFIX.length).split("_"), parseYaml(text));
  }
}

function setAt(tree: Tree, words: readonly string[], value: unknown): void {
  const [word = "", ...rest] = words;
  const key = Object.keys(tree).find((known) => known.toUpperCase() === word) ?? word.toLowerCase();
  if (rest.length === 0) {
    tree[key] = value;
    return;
  }
  const wanted = /^\d+$/.test(rest[0] ?? "") ? [] : {};
  const child = Array.isArray(tree[key]) || isTree(tree[key]) ? tree[key] : wanted;
  tree[key] = child;
  if (Array.isArray(child)) setInList(child, rest, value);
  else setAt(child as Tree, rest, value);
}

/** Sets one element of a list, or appends the next one; ignores any index beyond that. */
function setInList(list: unknown[], [word = "", ...rest]: readonly string[], value: unknown): void {
  const index = Number(word);
  if (!Number.isInteger(index) || index > list.length) return;
  if (rest.length === 0) {
    list[index] = value;
    return;
  }
  const element = isTree(list[index]) ? list[index] : {};
  list[index] = element;
  setAt(element, rest, value);
}
