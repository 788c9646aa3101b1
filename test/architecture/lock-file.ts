/** The relevant fields of package-lock.json. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * One line for each package that `npm ci` would miss on some machine, or could not verify.
 *
 * npm leaves packages out of the lock that it could not find, such as programs for other platforms, and later refuses
 * that lock.
 */
export function lockProblems({ packages }: LockFile): readonly string[] {
  return Object.entries(packages).flatMap(([path, { integrity, optionalDependencies }]) => [
    ...(path === "" || integrity !== undefined ? [] : [`package-lock.json has no integrity for ${path}`]),
    ...Object.keys(optionalDependencies ?? {})
      .filter((name) => !candidatePaths(path, name).some((candidate) => candidate in packages))
      .map((name) => `package-lock.json lacks ${name}, which ${path} names`),
  ]);
}

/** Where a package at `path` looks for the package `name`, the nearest first. */
function candidatePaths(path: string, name: string): readonly string[] {
  const parents = path
    .split("/node_modules/")
    .map((_, index, parts) => parts.slice(0, index + 1).join("/node_modules/"));
  return [...parents.reverse().map((parent) => `${parent}/node_modules/${name}`), `node_modules/${name}`];
}
