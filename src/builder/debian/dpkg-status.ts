import type { PackageFacts } from "./package-facts.ts";

/** The content of /var/lib/dpkg/status that lists every package as installed; scanners read it. */
export function dpkgStatus(packages: readonly PackageFacts[]): string {
  return packages.map((one) => `${stanza(one)}\n`).join("\n");
}

function stanza({ control, conffiles }: PackageFacts): string {
  const [first = "", ...rest] = control.split("\n");
  const lines = [first, "Status: install ok installed", ...rest];
  if (conffiles.length > 0) {
    lines.push("Conffiles:", ...conffiles.map(({ path, md5 }) => ` ${path} ${md5}`));
  }
  return lines.join("\n");
}
