import type { PackageFacts } from "../../src/builder/debian/package-facts.ts";

/** The facts of a package that has nothing to say but its name, with what `said` adds. */
export function packageFacts(name: string, said: Partial<PackageFacts> = {}): PackageFacts {
  return {
    control: `Package: ${name}`,
    conffiles: [],
    texts: {},
    groups: [],
    users: [],
    memberships: [],
    alternatives: [],
    libraries: [],
    folders: [],
    mergedFolders: [],
    newestModification: 0,
    ...said,
  };
}
