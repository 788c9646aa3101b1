import type { PackageFacts } from "../../src/builder/debian/package-facts.ts";

/** The facts of a package that has only a name, and those in `more`. */
export function packageFacts(name: string, more: Partial<PackageFacts> = {}): PackageFacts {
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
    hasPreinst: false,
    triggers: "",
    startPrograms: [],
    parentFolders: [],
    hasTimeZones: false,
    ...more,
  };
}
