import { isTree, setAt, type Tree } from "./tree.ts";

/** The effects of Nixery's variables on a configuration. */
export interface NixeryChanges {
  /** For the log: which variable sets which setting, and which ones are ignored. */
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Nixery's variables for package sets, in the order in which Nixery checks them. */
const SETS: readonly (readonly [variable: string, setting: string])[] = [
  ["NIXERY_CHANNEL", "builder.nix.channel"],
  ["NIXERY_PKGS_REPO", "builder.nix.git.url"],
  ["NIXERY_PKGS_PATH", "builder.nix.path"],
];

const NUMBERS: readonly (readonly [variable: string, setting: string])[] = [
  ["PORT", "http.port"],
  ["NIX_TIMEOUT", "builder.nix.builderTimeoutSeconds"],
];

/** Variables that Slipway ignores, and why. */
const UNUSED: Readonly<Record<string, string>> = {
  GCS_BUCKET: "Google Cloud Storage is not supported; set content.driver to s3",
  GOOGLE_APPLICATION_CREDENTIALS: "Google Cloud Storage is not supported",
};

/** Nixery's time limit for a builder, in seconds. */
const NIXERY_TIMEOUT_SECONDS = 60;

/**
 * Applies Nixery's variables to a configuration, whose own settings have priority. Does nothing without a variable that
 * begins with `NIXERY_`, because many platforms set `PORT`. Also applies what is fixed in Nixery: names without a
 * prefix, and a time limit for builders.
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

  /** Uses the first package set, unless the configuration has one. Also sets Nixery's defaults for it. */
  chooseSet(): void {
    const configured = SETS.find(([, setting]) => this.#has(setting));
    let chosen: string | undefined;
    for (const [variable, setting] of SETS) {
      if (this.#environment[variable] === undefined) continue;
      this.#known.add(variable);
      if (configured !== undefined) this.#ignore(variable, `${configured[1]} is set`);
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

  /** Sets a setting to the value of a variable, unless the configuration sets it. */
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

  /** Also selects Nixery's plan, because no other plan uses popularity data. */
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

  /** Adds a warning for each variable that is ignored. */
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
