import { type ControlStanza, parseStanzas } from "../control-stanza.ts";
import { isDebianPackageName } from "../package-name.ts";
import { parseTriggerInterests } from "./dpkg-triggers.ts";

/** A configuration file of a package. */
export interface Conffile {
  /** Absolute path, as the package names it. */
  readonly path: string;
  /** MD5 of the packaged content, in hex. */
  readonly md5: string;
}

/** The ending of a configuration file's name before its package is configured, as dpkg has it. */
export const NEW_CONFFILE = ".dpkg-new";

/** What a package has beside its control stanza. */
export interface DpkgPackageFacts {
  readonly hasPreinst: boolean;
  /** The text of the control file `triggers`; `undefined` if there is none. */
  readonly triggers?: string | undefined;
  /** In the package's order, without those marked `remove-on-upgrade`. */
  readonly conffiles: readonly Conffile[];
}

/** Packages of which any one will do, by name; conditions on versions and `:any` are left out. */
export type Alternatives = readonly string[];

/** A package as dpkg's database and the order of configuration need it. */
export interface DpkgPackage extends DpkgPackageFacts {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly multiArch: string | undefined;
  readonly essential: boolean;
  readonly preDepends: readonly Alternatives[];
  readonly depends: readonly Alternatives[];
  readonly provides: readonly string[];
  /** Packages whose files it may overwrite, by name; conditions on versions are left out. */
  readonly replaces: readonly string[];
  /** The control stanza, unchanged but for empty lines around it. */
  readonly control: string;
  /** Begins the names of its files in `info`, and names it in triggers: `name`, or `name:architecture`. */
  readonly recordName: string;
}

const ARCHITECTURE = /^[a-z0-9][a-z0-9-]*$/;
const VERSION = /^[A-Za-z0-9.+:~-]+$/;
const MD5 = /^[0-9a-f]{32}$/;
const FIELD = /^[!-9;-~]+:/;
// Unlike the name of a package, that of a virtual one may end with a minus: nobody asks apt for it.
const RELATION = /^([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9-]+)?(?: *\([^()]*\))?$/;
const MAX_CONTROL_LENGTH = 1 << 20;

/** Fields that only dpkg may add to a stanza. */
const STATE_FIELDS = ["status", "conffiles", "config-version", "triggers-pending", "triggers-awaited"];

/**
 * The package with this control stanza.
 *
 * @throws {Error} if the text is not one stanza that dpkg accepts, or if its triggers or conffiles are not valid
 */
export function parseDpkgPackage(control: string, facts: DpkgPackageFacts): DpkgPackage {
  const text = control.replace(/^\n+|\n+$/g, "");
  const stanza = parseOneStanza(text);
  const name = stanza.get("package") ?? "";
  const problem = (what: string): Error => new Error(`the package ${JSON.stringify(name)} has ${what}`);
  if (!isDebianPackageName(name)) throw problem("no valid name");
  const version = stanza.get("version") ?? "";
  if (!VERSION.test(version)) throw problem("no valid version");
  const architecture = stanza.get("architecture") ?? "";
  if (!ARCHITECTURE.test(architecture)) throw problem("no valid architecture");
  const state = STATE_FIELDS.find((field) => stanza.has(field));
  if (state !== undefined) throw problem(`the field ${state}, which is dpkg's`);
  const conffile = facts.conffiles.find(({ path, md5 }) => !/^\/[^\n]+$/.test(path) || !MD5.test(md5));
  if (conffile !== undefined) throw problem(`the conffile ${JSON.stringify(conffile.path)}`);
  // Refuses what the plan and the database could not use.
  parseTriggerInterests(facts.triggers ?? "");
  const multiArch = stanza.get("multi-arch")?.toLowerCase();
  return {
    ...facts,
    name,
    version,
    architecture,
    multiArch,
    essential: stanza.get("essential")?.toLowerCase() === "yes",
    preDepends: parseRelations(stanza.get("pre-depends")),
    depends: parseRelations(stanza.get("depends")),
    provides: parseRelations(stanza.get("provides")).flat(),
    replaces: parseRelations(stanza.get("replaces")).flat(),
    control: text,
    recordName: multiArch === "same" ? `${name}:${architecture}` : name,
  };
}

/** The paths in a control file `conffiles`, in order, without those marked `remove-on-upgrade` (deb-conffiles(5)). */
export function parseConffilePaths(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("/"));
}

/**
 * The groups of alternatives in a field such as `Depends`, in order.
 *
 * @throws {Error} if a relation is malformed
 */
function parseRelations(field: string | undefined): readonly Alternatives[] {
  return (field ?? "")
    .split(",")
    .map((group) => group.trim())
    .filter((group) => group !== "")
    .map((group) => group.split("|").map(parseRelation));
}

function parseRelation(text: string): string {
  const relation = text.replace(/\s+/g, " ").trim();
  const name = RELATION.exec(relation)?.[1];
  if (name === undefined) {
    throw new Error(`a package has the relation ${JSON.stringify(relation.slice(0, 100))}`);
  }
  return name;
}

function parseOneStanza(text: string): ControlStanza {
  if (text.length > MAX_CONTROL_LENGTH) throw new Error("a package has a control stanza that is too long");
  const names = new Set<string>();
  for (const [index, line] of text.split("\n").entries()) {
    if (/^[ \t]/.test(line) && line.trim() !== "" && index > 0) continue;
    const name = FIELD.exec(line)?.[0].toLowerCase();
    if (name === undefined || line.startsWith("#") || line.startsWith("-") || names.has(name)) {
      throw new Error(`a control stanza has the line ${JSON.stringify(line.slice(0, 100))}`);
    }
    names.add(name);
  }
  const [stanza] = parseStanzas(text);
  if (stanza === undefined) throw new Error("a control stanza is empty");
  return stanza;
}
