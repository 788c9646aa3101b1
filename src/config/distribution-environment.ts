import { parse as parseYaml } from "yaml";
import { isTree, type Tree } from "./tree.ts";

const PREFIX = "REGISTRY_";

/** Variables of Distribution's that set nothing in its configuration. */
const OTHER: ReadonlySet<string> = new Set(["REGISTRY_CONFIGURATION_PATH"]);

/**
 * Puts `REGISTRY_…` variables over a configuration of Distribution's, in their own order, as Distribution does: a
 * variable's words are keys from the top, whatever their case, a number is a list's index, and its value is YAML.
 */
export function applyDistributionEnvironment(
  tree: Tree,
  environment: Readonly<Record<string, string | undefined>>,
): void {
  for (const variable of Object.keys(environment).toSorted()) {
    const text = environment[variable];
    if (!variable.startsWith(PREFIX) || OTHER.has(variable) || text === undefined) continue;
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

/** Sets one element, or the one after the last; any further one names nothing and is left aside. */
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
