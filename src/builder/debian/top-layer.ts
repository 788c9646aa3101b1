import type { Platform } from "../../oci/descriptor.ts";
import { archiveOf } from "../archive/archive-writer.ts";
import { addDevices } from "../archive/devices.ts";
import { LayerTree } from "../archive/layer-tree.ts";
import type { ImageSettings, LayerContent } from "../package-source.ts";
import { type Accounts, createAccounts } from "./accounts.ts";
import { alternativeFiles } from "./alternatives.ts";
import { dpkgStatus } from "./dpkg-status.ts";
import { loaderCache } from "./loader-cache.ts";
import {
  mergedFoldersOf,
  newestModification,
  type PackageFacts,
  packageName,
  parseFacts,
} from "./package-facts.ts";
import { scriptFiles } from "./script-files.ts";

const DAY_MS = 86_400_000;
const SEARCH_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const CERTIFICATES = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt";

/** Folders that every Debian system has, but that no package contains with these modes. */
const FOLDERS: readonly (readonly [path: string, mode: number])[] = [
  ["dev", 0o755],
  ["etc", 0o755],
  ["media", 0o755],
  ["mnt", 0o755],
  ["opt", 0o755],
  ["proc", 0o755],
  ["root", 0o700],
  ["run", 0o755],
  ["run/lock", 0o1777],
  ["srv", 0o755],
  ["sys", 0o755],
  ["tmp", 0o1777],
  ["usr/bin", 0o755],
  ["usr/lib", 0o755],
  ["usr/local/bin", 0o755],
  ["usr/local/lib", 0o755],
  ["usr/local/sbin", 0o755],
  ["usr/local/share", 0o755],
  ["usr/sbin", 0o755],
  ["var/lib/dpkg/updates", 0o755],
  ["var/opt", 0o755],
  ["var/tmp", 0o1777],
];

/** Home folders below these are created and owned by their user. */
const HOME_FOLDERS = ["/home/", "/srv/", "/var/cache/", "/var/lib/", "/var/opt/", "/var/spool/"];

/** The last layer. It has what belongs to no single package: accounts, links, the loader's cache, dpkg's status. */
export function createTopLayer(platform: Platform, layerFacts: readonly string[]): LayerContent {
  return {
    archive: archiveOf(async (archive) => {
      const packages = parseFacts(layerFacts);
      const modifiedAt = newestModification(packages);
      const accounts = createAccounts(packages, Math.floor(modifiedAt.getTime() / DAY_MS));
      const tree = new LayerTree(archive);
      await addFolders(tree, packages, accounts, modifiedAt);
      await addDevices(tree, modifiedAt);
      await addLinks(tree, packages, platform, modifiedAt);
      await addAccounts(tree, accounts, modifiedAt);
      await addSystemFiles(tree, packages, modifiedAt);
      await addHomes(tree, accounts, modifiedAt);
    }),
    facts: () => "[]",
  };
}

/** The settings to run an image of these packages: with a shell, if there is one. */
export function imageSettings(layerFacts: readonly string[]): ImageSettings {
  const packages = parseFacts(layerFacts);
  const names = new Set(packages.map(packageName));
  const command = names.has("bash") ? ["bash"] : names.has("dash") ? ["sh"] : undefined;
  return {
    createdAt: newestModification(packages),
    environment: names.has("ca-certificates") ? [SEARCH_PATH, CERTIFICATES] : [SEARCH_PATH],
    command,
  };
}

/** Repeats folders with an unusual owner or mode, because a layer below may have them with the usual ones. */
async function addFolders(
  tree: LayerTree,
  packages: readonly PackageFacts[],
  accounts: Accounts,
  modifiedAt: Date,
): Promise<void> {
  const folders = new Map<string, { mode: number; userId: number; groupId: number }>();
  for (const [path, mode] of FOLDERS) folders.set(path, { mode, userId: 0, groupId: 0 });
  folders.set("var/mail", { mode: 0o2775, userId: 0, groupId: accounts.groupId("mail") ?? 0 });
  for (const { path, ...owner } of packages.flatMap((one) => one.folders)) folders.set(path, owner);
  for (const [path, { mode, ...owner }] of [...folders].toSorted(([left], [right]) =>
    left < right ? -1 : 1,
  )) {
    await tree.addFolder(path, mode, modifiedAt, owner);
  }
}

async function addLinks(
  tree: LayerTree,
  packages: readonly PackageFacts[],
  platform: Platform,
  modifiedAt: Date,
): Promise<void> {
  for (const name of mergedFoldersOf(packages, platform.architecture))
    await tree.addLink(name, `usr/${name}`, modifiedAt);
  await tree.addLink("var/lock", "/run/lock", modifiedAt);
  await tree.addLink("var/run", "/run", modifiedAt);
  await tree.addLink("var/spool/mail", "../mail", modifiedAt);
}

async function addAccounts(tree: LayerTree, accounts: Accounts, modifiedAt: Date): Promise<void> {
  const shadow = { userId: 0, groupId: accounts.groupId("shadow") ?? 0 };
  await tree.addFile("etc/group", Buffer.from(accounts.group), modifiedAt);
  await tree.addFile("etc/gshadow", Buffer.from(accounts.gshadow), modifiedAt, 0o640, shadow);
  await tree.addFile("etc/passwd", Buffer.from(accounts.passwd), modifiedAt);
  await tree.addFile("etc/shadow", Buffer.from(accounts.shadow), modifiedAt, 0o640, shadow);
}

async function addSystemFiles(
  tree: LayerTree,
  packages: readonly PackageFacts[],
  modifiedAt: Date,
): Promise<void> {
  for (const file of [...alternativeFiles(packages), ...scriptFiles(packages)]) {
    if (file.linkTarget !== undefined) await tree.addLink(file.path, file.linkTarget, modifiedAt);
    else await tree.addFile(file.path, file.bytes ?? new Uint8Array(), modifiedAt);
  }
  await tree.addFile("etc/ld.so.cache", loaderCache(packages), modifiedAt);
  const shells = loginShells(packages);
  if (shells !== "") await tree.addFile("etc/shells", Buffer.from(shells), modifiedAt);
  await tree.addFile("var/lib/dpkg/available", new Uint8Array(), modifiedAt);
  // Version 1 of dpkg's info folder: names of records can include the architecture.
  await tree.addFile("var/lib/dpkg/info/format", Buffer.from("1\n"), modifiedAt);
  await tree.addFile("var/lib/dpkg/status", Buffer.from(dpkgStatus(packages)), modifiedAt);
}

/** The file that update-shells writes: the distribution's list and the shells that packages add. */
function loginShells(packages: readonly PackageFacts[]): string {
  const texts = Object.fromEntries(packages.flatMap((one) => Object.entries(one.texts)));
  const start = texts["usr/share/debianutils/shells"] ?? "";
  const added = Object.entries(texts)
    .filter(([path]) => path.startsWith("usr/share/debianutils/shells.d/"))
    .flatMap(([, text]) => text.split("\n"))
    .filter((shell) => shell.startsWith("/"));
  // Both paths work in an image whose /bin is a link.
  const both = added.flatMap((shell) => (shell.startsWith("/bin/") ? [shell, `/usr${shell}`] : [shell]));
  return (
    start +
    [...new Set(both)]
      .toSorted()
      .map((shell) => `${shell}\n`)
      .join("")
  );
}

async function addHomes(tree: LayerTree, accounts: Accounts, modifiedAt: Date): Promise<void> {
  for (const user of accounts.users) {
    if (!user.createHome || !HOME_FOLDERS.some((folder) => user.home.startsWith(folder))) continue;
    await tree.addFolder(user.home.slice(1), 0o755, modifiedAt, { userId: user.id, groupId: user.groupId });
  }
}
