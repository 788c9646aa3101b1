import { statusStanza } from "../dpkg-status.ts";
import type { DpkgPackage } from "./dpkg-package.ts";
import { parseTriggerInterests } from "./dpkg-triggers.ts";
import { byName } from "./package-set.ts";

/** A file or folder to lay beside unpacked packages. Its owner is root. */
export interface DatabaseEntry {
  /** Path in the tree, without a leading slash. */
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  /** Permission bits. */
  readonly mode: number;
  /** The content of a file, the target of a link; empty for a folder. */
  readonly text: string;
  /** Whether it belongs to the image if the scripts leave it as it is. */
  readonly shipped: boolean;
}

const DPKG_FOLDER = "var/lib/dpkg";

/** The place of dpkg's status in a tree. */
export const STATUS_PATH = `${DPKG_FOLDER}/status`;

/** A program that forbids scripts to start services (invoke-rc.d(8)); only there while packages are configured. */
export const POLICY_PATH = "usr/sbin/policy-rc.d";

const FORBID_SERVICES = "#!/bin/sh\nexit 101\n";
const FOLDERS = ["alternatives", "info", "parts", "triggers", "updates"];

/**
 * What dpkg needs beside unpacked packages in a tree that has no other packages, except the packages' own files in `info`.
 *
 * All packages are `unpacked`. Sorted by path; does not depend on the order of `packages`. `architecture` is the tree's.
 */
export function baseDatabase(
  packages: readonly DpkgPackage[],
  architecture: string,
): readonly DatabaseEntry[] {
  return database(packages, architecture, statusText(packages.map(unpackedStanza)));
}

/**
 * The same for packages that are added to a configured base, whose status is `baseStatus`.
 *
 * Holds the interests in triggers of both. dpkg takes the added packages' configuration files from their new names
 * (`NEW_CONFFILE`) when it configures them.
 */
export function additionDatabase(
  base: readonly DpkgPackage[],
  added: readonly DpkgPackage[],
  architecture: string,
  baseStatus: string,
): readonly DatabaseEntry[] {
  const stanzas = baseStatus
    .split("\n\n")
    .map((text) => text.replace(/^\n+|\n+$/g, ""))
    .filter((text) => text !== "")
    .map((text) => ({ name: /^Package: *(\S+)/m.exec(text)?.[1] ?? "", text }));
  const status = statusText([...stanzas, ...added.map(withNewConffiles).map(unpackedStanza)]);
  return database([...base, ...added], architecture, status);
}

interface NamedStanza {
  readonly name: string;
  readonly text: string;
}

function database(
  packages: readonly DpkgPackage[],
  architecture: string,
  status: string,
): readonly DatabaseEntry[] {
  const files: Readonly<Record<string, string>> = {
    arch: `${architecture}\n`,
    "info/format": "1\n",
    status,
    ...triggerFiles(packages),
  };
  return [
    ...FOLDERS.map((name): DatabaseEntry => folder(`${DPKG_FOLDER}/${name}`)),
    ...Object.entries(files).map(([name, text]): DatabaseEntry => file(`${DPKG_FOLDER}/${name}`, text)),
    { path: POLICY_PATH, type: "file", mode: 0o755, text: FORBID_SERVICES, shipped: false } as const,
  ].toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

function folder(path: string): DatabaseEntry {
  return { path, type: "directory", mode: 0o755, text: "", shipped: true };
}

function file(path: string, text: string): DatabaseEntry {
  return { path, type: "file", mode: 0o644, text, shipped: true };
}

/** The files in `triggers`, by path; dpkg keeps the order of their lines. */
function triggerFiles(packages: readonly DpkgPackage[]): Readonly<Record<string, string>> {
  const lines = new Map<string, Set<string>>([["File", new Set()]]);
  for (const { triggers = "", recordName } of packages) {
    for (const { trigger, awaits } of parseTriggerInterests(triggers)) {
      const listener = awaits ? recordName : `${recordName}/noawait`;
      if (trigger.startsWith("/")) lines.get("File")?.add(`${trigger} ${listener}`);
      else lines.set(trigger, (lines.get(trigger) ?? new Set()).add(listener));
    }
  }
  return Object.fromEntries(
    [...lines].map(([name, found]) => [
      `triggers/${name}`,
      [...found]
        .toSorted()
        .map((line) => `${line}\n`)
        .join(""),
    ]),
  );
}

/** With dpkg's word for configuration files that are not in their place yet. */
function withNewConffiles(one: DpkgPackage): DpkgPackage {
  return { ...one, conffiles: one.conffiles.map(({ path }) => ({ path, md5: "newconffile" })) };
}

function unpackedStanza(one: DpkgPackage): NamedStanza {
  return { name: one.name, text: statusStanza(one, "install ok unpacked") };
}

function statusText(stanzas: readonly NamedStanza[]): string {
  return stanzas
    .toSorted(byName)
    .map(({ text }) => `${text}\n\n`)
    .join("");
}
