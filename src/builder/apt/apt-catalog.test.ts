import { expect, it } from "bun:test";
import { join } from "node:path";
import { installed } from "../../../test/support/command.ts";
import { createDebianRepository, type DebianRepository } from "../../../test/support/debian-repository.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import type { IndexedPackage } from "../../metadata/ports/package-index-ledger.ts";
import { factsFinisher } from "../debian/facts-finisher.ts";
import type { CatalogSnapshot, PackageCatalog } from "../package-catalog.ts";
import { CommandRunner } from "../process/command-runner.ts";
import { AptSource } from "./apt-source.ts";

const HAS_APT = installed("apt-get", "apt-cache", "flock", "dpkg-deb");
/** A safety net. */
const LONG_MS = 120_000;
const AMD64 = { os: "linux", architecture: "amd64" };
const SIGNAL = new AbortController().signal;

/** The catalog of a repository's packages, with apt's state in a folder beside it. The lists are due for a refresh. */
function openCatalog(folder: string, { sourcesFile }: DebianRepository, state: string): PackageCatalog {
  const log = createLogger("silent");
  const options = {
    stateFolder: join(folder, state),
    alwaysIncluded: [],
    essential: false,
    refreshListsSeconds: 0,
    sourcesFile,
  };
  return new AptSource(options, {
    runner: new CommandRunner({ environment: process.env, log }),
    finisher: factsFinisher,
    log,
  }).catalog(AMD64);
}

/** The packages that a catalog knows after a refresh. */
async function refreshed(catalog: PackageCatalog): Promise<CatalogSnapshot> {
  await catalog.refresh(SIGNAL);
  const snapshot = await catalog.current(SIGNAL);
  if (snapshot === undefined) throw new Error("no lists after a refresh");
  return snapshot;
}

async function packagesOf({ packages }: CatalogSnapshot): Promise<readonly IndexedPackage[]> {
  const all = (await Array.fromAsync(packages(SIGNAL))).flat();
  return all.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

describeWith("apt's catalog", HAS_APT, "no apt", () => {
  it(
    "has each package of the lists once, as its name is written, with version, first line and homepage",
    async () => {
      await using folder = await temporaryFolder("apt-catalog");
      const repository = await createDebianRepository(folder.path);
      await repository.publish([
        {
          name: "g++",
          version: "4:12.2.0-3",
          fields: { Description: "GNU C++ compiler\n the whole text\n ." },
        },
        { name: "updated", version: "1.0" },
        { name: "updated", version: "2.0~rc1", fields: { Homepage: "https://example.org/updated" } },
        { name: "unicode", fields: { Description: "für alle: 百" } },
        { name: "elsewhere", fields: { Architecture: "arm64" } },
      ]);
      const catalog = openCatalog(folder.path, repository, "state");
      expect(await packagesOf(await refreshed(catalog))).toEqual([
        { name: "g_plus_plus", version: "4:12.2.0-3", description: "GNU C++ compiler" },
        { name: "unicode", version: "1", description: "für alle: 百" },
        {
          name: "updated",
          version: "2.0~rc1",
          description: "for a test",
          homepage: "https://example.org/updated",
        },
      ]);
    },
    LONG_MS,
  );

  it(
    "has none before the first refresh, and the same state as another host with the same lists",
    async () => {
      await using folder = await temporaryFolder("apt-catalog");
      const repository = await createDebianRepository(folder.path);
      await repository.publish([{ name: "one" }]);
      const [here, there] = ["here", "there"].map((state) => openCatalog(folder.path, repository, state));
      if (!here || !there) throw new Error("two catalogs were asked for");
      expect(await here.current(SIGNAL)).toBeUndefined();
      const { state } = await refreshed(here);
      expect((await refreshed(there)).state).toBe(state);
      await repository.publish([{ name: "one" }, { name: "two" }]);
      const changed = await refreshed(here);
      expect(changed.state).not.toBe(state);
      expect((await packagesOf(changed)).map(({ name }) => name)).toEqual(["one", "two"]);
      expect((await there.current(SIGNAL))?.state).toBe(state);
    },
    LONG_MS,
  );

  it(
    "fails when the lists are replaced while it reads them, and when nobody waits any more",
    async () => {
      await using folder = await temporaryFolder("apt-catalog");
      const repository = await createDebianRepository(folder.path);
      await repository.publish([{ name: "one" }]);
      const catalog = openCatalog(folder.path, repository, "state");
      const snapshot = await refreshed(catalog);
      const reading = snapshot.packages(SIGNAL)[Symbol.asyncIterator]();
      await reading.next();
      await repository.publish([{ name: "two" }]);
      await refreshed(catalog);
      const rest = async () => {
        while (!(await reading.next()).done);
      };
      await expect(rest()).rejects.toThrow("changed while they were read");
      const reason = new Error("nobody waits");
      await expect(Array.fromAsync(snapshot.packages(AbortSignal.abort(reason)))).rejects.toBe(reason);
    },
    LONG_MS,
  );
});
