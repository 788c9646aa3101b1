import { RegistryError } from "../../oci/registry-error.ts";
import { type ControlStanza, parseStanzas } from "../debian/control-stanza.ts";
import { type DebianPackage, isRepositoryPath, pinOf } from "./debian-package.ts";

/** A package that apt chose, with its version. */
export interface ChosenPackage {
  readonly name: string;
  readonly version: string;
}

/** A package that apt chose, with what it says about its file. */
export interface ListedPackage extends ChosenPackage {
  readonly architecture: string;
  readonly sizeBytes: number;
  /** Where apt would download it. */
  readonly address: string;
  /** SHA-256 in hex; `undefined` if apt did not print it. */
  readonly sha256: string | undefined;
}

/** The facts about a package that `apt-cache show` prints. */
export interface PackageRecord extends Omit<DebianPackage, "base"> {
  /** Other names that it provides. */
  readonly provides: readonly string[];
}

/** How many packages apt would install, in the line above its list. */
const SUMMARY = /^\d+ upgraded, (\d+) newly installed, (?:\d+ \w+, )*\d+ to remove and \d+ not upgraded\.$/m;
/** 'URI' NAME_VERSION_ARCHITECTURE.deb SIZE HASH; a colon in the version is written as %3a, and the hash may be empty. */
const PRINTED_URI = /^'([^']*)' ([^_\s]+)_([^_\s]+)_([^_\s]+)\.deb (\d+)(?:\sSHA256:([0-9a-f]{64})|\s\S*)*$/;

/**
 * The packages that `apt-get install --print-uris` lists, in ascending order of name.
 *
 * @throws {RegistryError} `build-failed` if a line of the list is not understood, or the list has not as many packages
 * as apt says that it would install
 */
export function parsePrintedUris(stdout: string): readonly ListedPackage[] {
  const chosen = new Map<string, ListedPackage>();
  for (const line of stdout.split("\n").filter((text) => text.startsWith("'"))) {
    const match = PRINTED_URI.exec(line);
    if (match === null) throw notUnderstood(line);
    const [, address = "", name = "", escaped = "", architecture = "", size, sha256] = match;
    const version = escaped.replaceAll("%3a", ":");
    chosen.set(name, { name, version, architecture, sizeBytes: Number(size), address, sha256 });
  }
  const summary = SUMMARY.exec(stdout);
  if (summary === null) throw notUnderstood(stdout.trimEnd().split("\n").at(-1) ?? "");
  if (Number(summary[1]) !== chosen.size)
    throw notUnderstood(`${summary[0]} (and then a list of ${chosen.size})`);
  return [...chosen.values()].toSorted((left, right) => (left.name < right.name ? -1 : 1));
}

/**
 * The records of listed packages, without what they provide; `undefined` if apt did not print all of their digests, or one
 * is in no known repository.
 *
 * @param repositories the addresses of the repositories
 */
export function listedRecords(
  listed: readonly ListedPackage[],
  repositories: readonly string[],
): readonly PackageRecord[] | undefined {
  const records = listed.flatMap(({ sha256, address, ...one }) => {
    const file = pathIn(address, repositories);
    return sha256 === undefined || file === undefined ? [] : [{ ...one, sha256, file, provides: [] }];
  });
  return records.length === listed.length ? records : undefined;
}

/** The path of a file in its repository, from its address; `undefined` if it is in none of them. */
function pathIn(address: string, repositories: readonly string[]): string | undefined {
  const inside = repositories.filter((one) => address.startsWith(one));
  const nearest = inside.reduce((longest, one) => Math.max(longest, one.length), 0);
  if (nearest === 0) return undefined;
  try {
    const path = decodeURIComponent(address.slice(nearest));
    return isRepositoryPath(path) ? path : undefined;
  } catch {
    // Not encoded as apt does it.
    return undefined;
  }
}

/** The error for a line of apt's output that has another form than is known. Leaving it out would be a wrong image. */
function notUnderstood(line: string): RegistryError {
  return new RegistryError("build-failed", "apt's output was not understood", {
    detail: { line: withoutPlaces(line) },
  });
}

/** The versions for which apt says that it does not have them. */
export function missingVersions(stderr: string): readonly ChosenPackage[] {
  const lines = stderr.matchAll(/^E: Version '([^']*)' for '([^']*)' was not found$/gm);
  return [...lines].map(([, version = "", name = ""]) => ({ name, version }));
}

/**
 * The versions of a package that `apt-cache madison` lists, each once.
 *
 * @throws {RegistryError} `build-failed` if a line is not understood
 */
export function parseVersions(stdout: string, name: string): readonly string[] {
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  const versions = lines.flatMap((line) => {
    const [found, version, origin] = line.split("|").map((cell) => cell.trim());
    if (!found || !version || origin === undefined) throw notUnderstood(line);
    return found === name ? [version] : [];
  });
  return [...new Set(versions)];
}

/**
 * The records of `chosen` among the stanzas that `apt-cache show` printed, in the order of `chosen`.
 *
 * @throws {RegistryError} `build-failed` when one is missing, or has no SHA-256, size, architecture or path
 */
export function parsePackageRecords(
  stdout: string,
  chosen: readonly ChosenPackage[],
): readonly PackageRecord[] {
  const byPin = new Map<string, ControlStanza>();
  for (const stanza of parseStanzas(stdout)) {
    const pin = stanzaPin(stanza);
    if (!byPin.has(pin)) byPin.set(pin, stanza);
  }
  return chosen.map((pin) => recordOf(pin, byPin.get(pinOf(pin))));
}

/** The SHA-256 of each package that `apt-cache show` printed, by `NAME=VERSION`; of several, the one that apt would take. */
export function parseDigests(stdout: string): ReadonlyMap<string, string> {
  const entries = parseStanzas(stdout).flatMap((stanza) => {
    const sha256 = stanza.get("sha256");
    return sha256 === undefined ? [] : [[stanzaPin(stanza), sha256] as const];
  });
  return new Map(entries.toReversed());
}

/** As {@link pinOf} writes it. */
function stanzaPin(stanza: ControlStanza): string {
  return `${stanza.get("package")}=${stanza.get("version")}`;
}

function recordOf(pin: ChosenPackage, stanza: ControlStanza | undefined): PackageRecord {
  const need = (field: string, label: string, isValid: (value: string) => boolean): string => {
    const value = stanza?.get(field);
    if (value !== undefined && isValid(value)) return value;
    throw new RegistryError("build-failed", `the package lists have no ${label} for ${pin.name}`);
  };
  return {
    ...pin,
    sha256: need("sha256", "SHA-256", (text) => /^[0-9a-f]{64}$/.test(text)),
    architecture: need("architecture", "architecture", (text) => /^[a-z0-9-]+$/.test(text)),
    sizeBytes: Number(need("size", "size", (text) => /^\d+$/.test(text))),
    file: need("filename", "usable path", isRepositoryPath),
    provides: parseProvides(stanza?.get("provides") ?? ""),
  };
}

function parseProvides(field: string): readonly string[] {
  return field
    .split(",")
    .map((part) => part.trim().split(/[\s(:]/)[0] ?? "")
    .filter((name) => name !== "");
}

/** The error for a request that `apt-get install` refused, with apt's own reason. */
export function resolutionError(stdout: string, stderr: string): RegistryError {
  const unknown = unknownPackages(stderr);
  const [virtual] = virtualPackages(stdout).filter(({ name }) => unknown.includes(name));
  if (virtual !== undefined) return ambiguousPackageError(virtual);
  if (unknown.length > 0) {
    return unknownPackagesError(unknown);
  }
  const reason = unmetDependencies(stdout) || errorLines(stderr);
  if (/unmet dependencies|held broken|broken packages|Conflicts|Breaks/i.test(`${stdout}\n${stderr}`)) {
    return new RegistryError("package-conflict", "the packages cannot be installed together", {
      detail: { reason },
    });
  }
  return aptFailure("apt could not resolve the packages", stderr, { reason });
}

/** Messages of apt and the system about a full disk. */
const DISK_FULL = /No space left on device|Disk quota exceeded|enough free space in/;

/**
 * The error for a failed apt command: `storage-full` if the disk is full, `build-failed` otherwise. Its detail has apt's
 * reason, or that in `more`.
 */
export function aptFailure(
  message: string,
  stderr: string,
  more: Readonly<Record<string, unknown>> = {},
): RegistryError {
  const detail = { reason: errorLines(stderr), ...more };
  return DISK_FULL.test(stderr)
    ? new RegistryError("storage-full", "the registry's storage is full", { detail })
    : new RegistryError("build-failed", message, { detail });
}

/** Why apt could not download a file that a repository may never have had. */
export type FileProblem = "absent" | "other-bytes";

/** Messages of apt's methods about a file that is not there; the numbers are HTTP's and the system's. */
const FILE_ABSENT =
  /^E: Failed to fetch \S+ {2}(?:404 {2}|410 {2}|(?:File not found|Failed to stat) - .*\((?:2|20): [^)]*\))/m;
const FILE_DIFFERS = /^E: Failed to fetch \S+ {2}(?:Hash Sum mismatch|File has unexpected size)/m;

/** What is wrong with the one file that apt could not download; `undefined` if it could not ask for it. */
export function fileProblem(stderr: string): FileProblem | undefined {
  if (FILE_ABSENT.test(stderr)) return "absent";
  return FILE_DIFFERS.test(stderr) ? "other-bytes" : undefined;
}

/** The error for packages that the host's sources do not have. */
export function unknownPackagesError(packages: readonly string[]): RegistryError {
  return new RegistryError("package-unknown", `no such package: ${packages.join(", ")}`, {
    detail: { packages },
  });
}

/** A name that several packages provide. */
interface VirtualPackage {
  readonly name: string;
  readonly providers: readonly string[];
}

/** The names between which apt does not choose, with the packages that provide each. */
function virtualPackages(stdout: string): readonly VirtualPackage[] {
  const found = stdout.matchAll(/^Package (\S+) is a virtual package provided by:\n((?: .*\n)*)/gm);
  return [...found].map(([, name = "", list = ""]) => ({
    name,
    providers: [...new Set([...list.matchAll(/^ +(\S+)/gm)].map(([, provider = ""]) => provider))].toSorted(),
  }));
}

function ambiguousPackageError({ name, providers }: VirtualPackage): RegistryError {
  return new RegistryError(
    "package-unknown",
    `${name} is provided by several packages; name one of ${providers.join(", ")}`,
    { detail: { packages: [name], providers } },
  );
}

function unknownPackages(stderr: string): readonly string[] {
  const found = stderr.matchAll(
    /^E: (?:Unable to locate package (\S+)|Package '([^']+)' has no installation candidate|Couldn't find any package by \w+ '([^']+)')/gm,
  );
  return [...new Set([...found].map((match) => match[1] ?? match[2] ?? match[3] ?? ""))].toSorted();
}

/** The paragraph in which apt explains a conflict; it names packages and versions, never a path. */
function unmetDependencies(stdout: string): string {
  const start = stdout.indexOf("The following packages have unmet dependencies:");
  return start < 0 ? "" : withoutPlaces(stdout.slice(start).trimEnd());
}

/** The error lines of `stderr`, without addresses of mirrors and paths of this host. */
export function errorLines(stderr: string): string {
  return withoutPlaces(
    stderr
      .split("\n")
      .filter((line) => line.startsWith("E: "))
      .join("\n"),
  );
}

/** Lines of apt's output to log. On a full disk apt repeats one warning thousands of times. */
const LOGGED_LINES = 20;

/**
 * apt's output as it is logged: the last 20 distinct lines, without the user names and passwords in the addresses of
 * sources and proxies.
 */
export function loggedOutput(text: string): string {
  return [...new Set(text.split("\n"))]
    .slice(-LOGGED_LINES)
    .join("\n")
    .replaceAll(/(\w:\/\/)[^\s/]*@/g, "$1");
}

function withoutPlaces(text: string): string {
  return text
    .replaceAll(/[\w.+-]+:\/\S+/g, "(address)")
    .replaceAll(/(?<![\w.])\/\S+/g, "(path)")
    .slice(0, 4000);
}
