import { isTree, setAt, type Tree } from "./tree.ts";

/** What Nixery's variables do to a configuration. */
export interface NixeryChanges {
  /** For the log: which variable stands for which setting, and which ones are not used. */
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Nixery's package sets, in the order in which it looks for them. */
const SETS: readonly (readonly [variable: string, setting: string])[] = [
  ["NIXERY_CHANNEL", "builder.nix.channel"],
  ["NIXERY_PKGS_REPO", "builder.nix.git.url"],
  ["NIXERY_PKGS_PATH", "builder.nix.path"],
];

const NUMBERS: readonly (readonly [variable: string, setting: string])[] = [
  ["PORT", "http.port"],
  ["NIX_TIMEOUT", "builder.nix.builderTimeoutSeconds"],
];

/** Variables that stand for nothing, and why. */
const UNUSED: Readonly<Record<string, string>> = {
  GCS_BUCKET: "Google Cloud Storage is not supported; set content.driver to s3",
  GOOGLE_APPLICATION_CREDENTIALS: "Google Cloud Storage is not supported",
};

/** The seconds that Nixery gives a builder. */
const NIXERY_TIMEOUT_SECONDS = 60;

/**
 * Applies Nixery's variables to a configuration, where it has no setting of its own. They count only if one of them names
 * a package set: `PORT` is set by many platforms. What Nixery fixes is taken over as well: names without a prefix, and its
 * time limit for builders.
 */
export function applyNixeryEnvironment(tree: Tree, environment: Environment): NixeryChanges {
  const given = Object.keys(environment).filter(
    (variable) => variable.startsWith("NIXERY_") && environment[variable] !== undefined,
  );
  if (given.length === 0) return { warnings: [], problems: [] };
  const changes = new Changes(tree, environment);
  changes.chooseSet();
  for (const [variable, setting] of NUMBERS) changes.apply(variable, setting, Number);
  changes.applyPopularity();
  changes.applyStorage();
  changes.report(given);
  return changes;
}

class Changes implements NixeryChanges {
  readonly warnings: string[] = [];
  readonly problems: string[] = [];
  readonly #tree: Tree;
  readonly #environment: Environment;
  readonly #known = new Set<string>();

  constructor(tree: Tree, environment: Environment) {
    this.#tree = tree;
    this.#environment = environment;
  }

  /** Takes the first package set, unless the configuration has one; with it, what Nixery does for all names. */
  chooseSet(): void {
    const own = SETS.find(([, setting]) => this.#has(setting));
    let chosen: string | undefined;
    for (const [variable, setting] of SETS) {
      if (this.#environment[variable] === undefined) continue;
      this.#known.add(variable);
      if (own !== undefined) this.#ignore(variable, `${own[1]} is set`);
      else if (chosen !== undefined) this.#ignore(variable, `${chosen} is set`);
      else {
        chosen = variable;
        this.apply(variable, setting);
      }
    }
    if (chosen === undefined) return;
    this.#setDefault("builder.nix.root", true);
    this.#setDefault("builder.nix.builderTimeoutSeconds", NIXERY_TIMEOUT_SECONDS, "NIX_TIMEOUT");
  }

  /** Gives a setting the value of a variable, unless the configuration has it. */
  apply(variable: string, setting: string, read: (text: string) => unknown = (text) => text): void {
    const text = this.#environment[variable];
    if (text === undefined) return;
    this.#known.add(variable);
    if (this.#has(setting)) {
      this.#ignore(variable, `${setting} is set`);
      return;
    }
    setAt(this.#tree, setting.split("."), read(text));
    this.warnings.push(`${variable}: sets ${setting}`);
  }

  /** Popularity counts in Nixery's own grouping only. */
  applyPopularity(): void {
    if (this.#environment.NIX_POPULARITY_URL === undefined) return;
    this.apply("NIX_POPULARITY_URL", "builder.popularity");
    this.#setDefault("builder.plan", "nixery");
  }

  applyStorage(): void {
    const backend = this.#environment.NIXERY_STORAGE_BACKEND;
    this.#known.add("NIXERY_STORAGE_BACKEND");
    if (backend === undefined || backend === "filesystem") this.apply("STORAGE_PATH", "data");
    else if (!this.#has("content.driver"))
      this.problems.push(
        `NIXERY_STORAGE_BACKEND: ${backend} is not supported; set content.driver to s3, with a bucket of an S3-compatible store`,
      );
  }

  /** Says of the other variables why they are not used. */
  report(given: readonly string[]): void {
    for (const [variable, why] of Object.entries(UNUSED)) {
      if (this.#environment[variable] !== undefined) this.#ignore(variable, why);
    }
    for (const variable of given) if (!this.#known.has(variable)) this.#ignore(variable, "unknown variable");
    if (!this.#has("http.host")) {
      this.warnings.push(
        "http.host: is 127.0.0.1, but Nixery listens on all interfaces; set it to 0.0.0.0 if anyone who can reach this host may push",
      );
    }
  }

  #setDefault(setting: string, value: unknown, variable?: string): void {
    if (this.#has(setting) || (variable !== undefined && this.#environment[variable] !== undefined)) return;
    setAt(this.#tree, setting.split("."), value);
    this.warnings.push(`${setting}: is ${value}, as in Nixery`);
  }

  #ignore(variable: string, why: string): void {
    this.warnings.push(`${variable}: is ignored: ${why}`);
  }

  #has(setting: string): boolean {
    let value: unknown = this.#tree;
    for (const key of setting.split(".")) value = isTree(value) ? value[key] : undefined;
    return value !== undefined;
  }
}
