import type { PackageFacts } from "./package-facts.ts";

/** The content of /var/lib/dpkg/status that lists every package as installed; scanners read it. */
export function dpkgStatus(packages: readonly PackageFacts[]): string {
  return packages.map((one) => `${statusStanza(one, "install ok installed")}\n`).join("\n");
}

/** A package's stanza in dpkg's status: its control stanza, its state, and its configuration files. */
export function statusStanza(
  { control, conffiles }: Pick<PackageFacts, "control"> & { readonly conffiles: readonly Conffile[] },
  state: string,
): string {
  const lines = control.split("\n");
  // The name is not always the first field.
  const after = lines.findIndex((line) => /^package:/i.test(line)) + 1;
  const listed = conffiles.map(({ path, md5 }) => ` ${path} ${md5}`);
  return [
    ...lines.slice(0, after),
    `Status: ${state}`,
    ...lines.slice(after),
    ...(listed.length > 0 ? ["Conffiles:", ...listed] : []),
  ].join("\n");
}

interface Conffile {
  readonly path: string;
  readonly md5: string;
}
