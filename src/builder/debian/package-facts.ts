import { z } from "zod";

const Account = z.object({ name: z.string(), id: z.number().optional() });
/** `link` is the generic path, such as `/usr/bin/awk`, and `path` its target. */
const Place = z.object({ link: z.string(), name: z.string(), path: z.string() });

/** The stored form of {@link PackageFacts}, kept with a cached layer. */
const PackageFactsSchema = z.object({
  /** The package's control stanza, unchanged. */
  control: z.string(),
  /** Configuration files with the MD5 of their content, as in dpkg's status. */
  conffiles: z.array(z.object({ path: z.string(), md5: z.string() })),
  /** Small files from which scripts make others, such as lists of accounts and certificates, by path in the image. */
  texts: z.record(z.string(), z.string()),
  /** Groups that the package's script would add. */
  groups: z.array(Account),
  /** Users that the package's script would add. */
  users: z.array(
    Account.extend({
      /** Name or number of the primary group. When absent, the group has the user's name. */
      group: z.string().optional(),
      comment: z.string().optional(),
      home: z.string().optional(),
      shell: z.string().optional(),
      createHome: z.boolean(),
    }),
  ),
  /** Members to add to groups. */
  memberships: z.array(z.object({ user: z.string(), group: z.string() })),
  /** Alternatives whose target is in this package. */
  alternatives: z.array(Place.extend({ priority: z.number(), slaves: z.array(Place) })),
  /** Shared libraries, by folder. */
  libraries: z.array(
    z.object({ folder: z.string(), soname: z.string(), bits: z.number(), machine: z.number() }),
  ),
  /** Folders with an unusual owner or mode. */
  folders: z.array(z.object({ path: z.string(), mode: z.number(), userId: z.number(), groupId: z.number() })),
  /** Folders merged into /usr in which the package has files. */
  mergedFolders: z.array(z.string()),
  /** Newest modification of its files, in milliseconds since the epoch. */
  newestModification: z.number(),
  /** Whether it has a script to run before it is unpacked. */
  hasPreinst: z.boolean(),
  /** The triggers that it declares (deb-triggers(5)); empty if none. */
  triggers: z.string(),
  /** Its programs that make keys or databases on an image's first start, by their path in the image. */
  startPrograms: z.array(z.string()),
  /** The folders that hold its files and folders, by their path in the image. */
  parentFolders: z.array(z.string()),
  /** Whether its script would choose a time zone. */
  hasTimeZones: z.boolean(),
});

/** The facts of a package that the image's last layer needs, so that its files are not read again. */
export type PackageFacts = z.infer<typeof PackageFactsSchema>;

const LayerFacts = z.array(PackageFactsSchema);

/** Writes facts as text for {@link parseFacts}. */
export function formatFacts(facts: readonly PackageFacts[]): string {
  return JSON.stringify(facts);
}

/** The name of a package. */
export function packageName({ control }: Pick<PackageFacts, "control">): string {
  return /^Package: *(\S+)/m.exec(control)?.[1] ?? "";
}

/** The facts of all packages in the given layers, in ascending order of package name. */
export function parseFacts(layers: readonly string[]): readonly PackageFacts[] {
  const named = layers
    .flatMap((layer) => LayerFacts.parse(JSON.parse(layer)))
    .map((facts) => ({ facts, name: packageName(facts) }));
  return named.toSorted((left, right) => (left.name < right.name ? -1 : 1)).map(({ facts }) => facts);
}

/** Links into /usr in every image. */
const ALWAYS_MERGED = ["bin", "lib", "sbin"];

/** The folders that are links into `/usr` in an image of these packages, sorted. */
export function mergedFoldersOf(packages: readonly PackageFacts[], architecture: string): readonly string[] {
  const loader = architecture === "amd64" ? ["lib64"] : [];
  const merged = [...ALWAYS_MERGED, ...loader, ...packages.flatMap((one) => one.mergedFolders)];
  return [...new Set(merged)].toSorted();
}

/** When the newest file of these packages was modified: an image's time. */
export function newestModification(packages: readonly PackageFacts[]): Date {
  return new Date(packages.reduce((newest, one) => Math.max(newest, one.newestModification), 0));
}
