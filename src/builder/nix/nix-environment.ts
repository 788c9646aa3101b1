import { mkdir } from "node:fs/promises";
import { join } from "node:path";

/** How Nix is run. */
export interface NixSettings {
  /** Folder for the store and everything that Nix keeps. */
  readonly stateFolder: string;
  /** Binary caches. If empty, everything is built here; if absent, Nix's own default applies. */
  readonly substituters?: readonly string[] | undefined;
  /** Public keys of the caches whose paths are accepted. If absent, Nix's own default applies. */
  readonly trustedKeys?: readonly string[] | undefined;
  /** Paths of this host that builders can see. */
  readonly sandboxPaths: readonly string[];
  /** Maximum builders at the same time. With 0, packages come only from binary caches. */
  readonly maxJobs: number;
  /** Maximum time for one builder, in seconds. */
  readonly builderTimeoutSeconds: number;
  /** Maximum time without output from a builder, in seconds. */
  readonly silentSeconds: number;
  /** Maximum bytes that one builder may log. */
  readonly logBytes: number;
  /** Maximum heap of an evaluation, in bytes. */
  readonly evaluationBytes: number;
}

/** The folders of one Nix store with its state. */
export class NixFolders {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The root of the private store, whose paths are still called `/nix/store/…`. */
  get store(): string {
    return join(this.#root, "store");
  }

  /** Where the files of store paths are. */
  get storePaths(): string {
    return join(this.store, "nix/store");
  }

  /** The folder of links that keep store paths from being collected. */
  get roots(): string {
    return join(this.store, "nix/var/nix/gcroots/slipway");
  }

  /** An empty home folder. */
  get home(): string {
    return join(this.#root, "home");
  }

  get cache(): string {
    return join(this.#root, "cache");
  }

  /** Nix's database of the store. */
  get database(): string {
    return join(this.store, "nix/var/nix/db/db.sqlite");
  }

  /** The folder for copies of git repositories. */
  get repositories(): string {
    return join(this.#root, "repositories");
  }

  /** An empty folder instead of the host's configuration. */
  get configuration(): string {
    return join(this.#root, "configuration");
  }

  /** The file of a store path such as `/nix/store/HASH-NAME`. */
  fileOf(storePath: string): string {
    return join(this.store, storePath);
  }

  /** Creates all folders. */
  async create(): Promise<void> {
    for (const folder of [this.store, this.home, this.cache, this.configuration]) {
      await mkdir(folder, { recursive: true });
    }
  }
}

/**
 * The environment of every Nix command. All settings are in `NIX_CONFIG`, and the host's configuration is not read.
 * Settings that a version of Nix does not know cause only a warning.
 *
 * Builds are sandboxed or fail: without `sandbox-fallback = false`, Nix silently builds without a sandbox where the host
 * lacks namespaces.
 */
export function nixEnvironment(folders: NixFolders, settings: NixSettings): Readonly<Record<string, string>> {
  const configuration = {
    store: folders.store,
    substituters: settings.substituters?.join(" "),
    "trusted-public-keys": settings.trustedKeys?.join(" "),
    sandbox: "true",
    "sandbox-fallback": "false",
    "sandbox-paths": settings.sandboxPaths.join(" "),
    "build-users-group": "",
    builders: "",
    "restrict-eval": "true",
    "allow-import-from-derivation": "false",
    "build-poll-interval": "1",
    "max-jobs": String(settings.maxJobs),
    timeout: String(settings.builderTimeoutSeconds),
    "max-silent-time": String(settings.silentSeconds),
    "max-build-log-size": String(settings.logBytes),
    "download-attempts": "2",
    "connect-timeout": "10",
  };
  return {
    NIX_CONFIG: Object.entries(configuration)
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name} = ${value}`]))
      .join("\n"),
    NIX_CONF_DIR: folders.configuration,
    HOME: folders.home,
    USER: "slipway",
    XDG_CACHE_HOME: folders.cache,
    GC_MAXIMUM_HEAP_SIZE: String(settings.evaluationBytes),
  };
}
