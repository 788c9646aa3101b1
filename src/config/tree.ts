/** A YAML mapping. */
export type Tree = { [key: string]: unknown };

/** Whether a value is a mapping. */
export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Sets the value at `path`; creates the mappings on the way. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  let node = tree;
  for (const key of path.slice(0, -1)) {
    const next = node[key];
    const child = isTree(next) ? next : {};
    node[key] = child;
    node = child;
  }
  node[path.at(-1) as string] = value;
}
