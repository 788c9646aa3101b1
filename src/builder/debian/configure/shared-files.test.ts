import { describe, expect, it } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dpkgPackage, type PackageTraits } from "../../../../test/support/dpkg-package.ts";
import { temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { findSharedFiles } from "./shared-files.ts";

interface Unpacked extends PackageTraits {
  /** Paths in the package; those with a slash at their end are folders. */
  readonly paths: readonly string[];
}

/** The shared files of packages by name, each with a tree of its own. */
async function sharedFiles(packages: Readonly<Record<string, Unpacked>>) {
  await using folder = await temporaryFolder("shared-files");
  const trees: string[] = [];
  for (const [name, { paths }] of Object.entries(packages)) {
    const tree = join(folder.path, name);
    trees.push(tree);
    for (const path of paths) {
      const place = join(tree, path.replace(/^\/(?=bin)/, "/usr/"));
      await mkdir(path.endsWith("/") ? place : dirname(place), { recursive: true });
      if (!path.endsWith("/")) await writeFile(place, name);
    }
    await mkdir(join(tree, "var/lib/dpkg/info"), { recursive: true });
    const list = ["/.", ...paths].map((path) => `${path.replace(/(?<=.)\/$/, "")}\n`).join("");
    await writeFile(join(tree, `var/lib/dpkg/info/${name}.list`), list);
  }
  const shared = await findSharedFiles(
    Object.entries(packages).map(([name, traits]) => dpkgPackage(name, traits)),
    trees,
  );
  return shared.map((owners) =>
    owners.map(({ name, packagedPath, role }) => `${name} ${role} ${packagedPath}`),
  );
}

describe("files that several packages have", () => {
  it("are none if the packages only share folders", async () => {
    const shared = await sharedFiles({
      aa: { paths: ["/usr/share/", "/usr/share/aa", "/var/empty/"] },
      bb: { paths: ["/usr/share/", "/usr/share/bb", "/var/empty/"] },
    });
    expect(shared).toEqual([]);
  });

  it("are found by their place in the image, and may overwrite only what is replaced", async () => {
    const shared = await sharedFiles({
      aa: { paths: ["/usr/bin/one", "/usr/bin/two", "/usr/bin/three"] },
      bb: { paths: ["/usr/bin/one", "/bin/two"] },
      cc: { paths: ["/usr/bin/three"], fields: { Replaces: "zz, aa (<< 2)" } },
    });
    expect(shared).toEqual([
      ["aa refuses /usr/bin/one", "bb refuses /usr/bin/one"],
      ["aa replaces /usr/bin/two", "bb replaces /bin/two"],
      ["aa replaced /usr/bin/three", "cc replaces /usr/bin/three"],
    ]);
  });
});
