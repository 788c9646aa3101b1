import { devNull } from "node:os";
import { resolve } from "node:path";
import { RegistryError } from "../../../oci/registry-error.ts";
import { CommandError, type CommandResult, type CommandRunner } from "../../process/command-runner.ts";
import { shellQuoted } from "../../process/shell-quoted.ts";
import { gitReason } from "./git-failure.ts";
import { publicAddress } from "./public-address.ts";

/** A remote repository, and how to reach it. */
export interface GitAccess {
  /** A URL of https, ssh, git or http; ssh's `user@host:path`; or an absolute path of this host. */
  readonly url: string;
  /** Private key for ssh. If absent, ssh's own default applies. */
  readonly sshKeyFile?: string | undefined;
  /** The known keys of hosts. If absent, ssh's own default applies. */
  readonly knownHostsFile?: string | undefined;
  /** Credentials for https: one URL with user name and password per line (git-credential-store(1)). */
  readonly credentialsFile?: string | undefined;
}

/** Options of a git command. */
export interface GitCall {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called for each line of standard output, which is then not kept. */
  readonly onLine?: (line: string) => void;
}

/** The name of the remote repository in git commands. */
export const REMOTE = "set";

/** Protocols that are always allowed, also for redirects. Another one is allowed only if the configured URL has it. */
const PROTOCOLS = ["https", "ssh", "git"];

/** Runs this host's git for one remote repository, without the users' configuration. */
export class GitCommand {
  /** The address of the remote repository without secrets, for messages. */
  readonly address: string;
  /** Whether the remote repository is a folder of this host. */
  readonly isLocal: boolean;
  readonly #access: GitAccess;
  readonly #home: string;
  readonly #runner: CommandRunner;

  /** @param home an empty folder */
  constructor(access: GitAccess, home: string, runner: CommandRunner) {
    this.address = publicAddress(access.url);
    this.isLocal = protocolOf(access.url) === "file";
    this.#access = access;
    this.#home = home;
    this.#runner = runner;
  }

  /**
   * Runs a command that talks to {@link REMOTE}, whatever its exit status.
   *
   * @throws {RegistryError} `build-unavailable` if it does not end by itself
   */
  async remote(repository: string, parameters: readonly string[], call: GitCall): Promise<CommandResult> {
    return await this.#run(repository, parameters, call, remoteEnvironment(this.#access));
  }

  /**
   * Runs a command that uses only the objects in `repository`. Git would fetch missing ones by itself, but here it has
   * no remote to fetch from.
   *
   * @throws {RegistryError} `build-unavailable` if it does not end by itself
   */
  async local(repository: string, parameters: readonly string[], call: GitCall): Promise<CommandResult> {
    return await this.#run(repository, parameters, call, { GIT_ALLOW_PROTOCOL: "none" });
  }

  /** Runs another program; it must succeed. @throws {RegistryError} `build-unavailable` */
  async program(command: readonly string[], call: GitCall): Promise<void> {
    const { exitCode, stderr } = await this.#start(command, call, {});
    if (exitCode !== 0) throw this.failure(stderr);
  }

  /** The error for a failed command that wrote `stderr`. */
  failure(stderr: string): RegistryError {
    const reason = gitReason(stderr, this.#access.url);
    return new RegistryError("build-unavailable", `${this.#what} cannot be read: ${reason}`);
  }

  /** The repository's name in errors, such as "the git repository https://example.org/set.git". */
  get #what(): string {
    return this.isLocal ? "the git repository on this host" : `the git repository ${this.address}`;
  }

  async #run(
    repository: string,
    parameters: readonly string[],
    call: GitCall,
    environment: Readonly<Record<string, string>>,
  ): Promise<CommandResult> {
    return await this.#start(["git", "--git-dir", repository, ...parameters], call, environment);
  }

  async #start(
    command: readonly string[],
    call: GitCall,
    environment: Readonly<Record<string, string>>,
  ): Promise<CommandResult> {
    const [program = ""] = command;
    if (this.#runner.find(program) === undefined) {
      throw new RegistryError("build-unavailable", `${program} is not installed on this host`);
    }
    try {
      const variables = { ...commonEnvironment(this.#home), ...environment };
      return await this.#runner.run(command, { ...call, folder: this.#home, environment: variables });
    } catch (cause) {
      if (!(cause instanceof CommandError)) throw cause;
      const message = `${this.#what} cannot be read: ${program} did not finish`;
      throw new RegistryError("build-unavailable", message, { cause });
    }
  }
}

/** Variables that keep git from reading the configuration of users and of the host. */
function commonEnvironment(home: string): Readonly<Record<string, string>> {
  return {
    HOME: home,
    GIT_CONFIG_GLOBAL: devNull,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_LAZY_FETCH: "1",
  };
}

/** Variables for commands that talk to the remote repository. The URL is set here because command lines are logged. */
function remoteEnvironment(access: GitAccess): Readonly<Record<string, string>> {
  const configuration: (readonly [string, string])[] = [
    [`remote.${REMOTE}.url`, access.url],
    ["fetch.writeCommitGraph", "true"],
    ["fetch.unpackLimit", "1"],
    ["gc.autoDetach", "false"],
  ];
  if (access.credentialsFile !== undefined) {
    configuration.push(["credential.helper", `store --file=${shellQuoted(resolve(access.credentialsFile))}`]);
  }
  return {
    GIT_ALLOW_PROTOCOL: [...new Set([...PROTOCOLS, ...ownProtocol(access.url)])].join(":"),
    GIT_SSH_COMMAND: sshCommand(access),
    GIT_HTTP_LOW_SPEED_LIMIT: "1",
    GIT_HTTP_LOW_SPEED_TIME: "60",
    GIT_CONFIG_COUNT: String(configuration.length),
    ...Object.fromEntries(
      configuration.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}

/** The protocol of the configured URL, which is allowed too; never one that runs a program. */
function ownProtocol(url: string): readonly string[] {
  const protocol = protocolOf(url);
  return ["http", "file"].includes(protocol) ? [protocol] : [];
}

function protocolOf(url: string): string {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme !== undefined) return scheme.toLowerCase();
  return /^[^/]+:/.test(url) ? "ssh" : "file";
}

/** A command line of ssh that never asks, and talks only to hosts whose keys it knows. */
function sshCommand({ sshKeyFile, knownHostsFile }: GitAccess): string {
  const settings = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
  ];
  if (sshKeyFile !== undefined)
    settings.push("IdentitiesOnly=yes", `IdentityFile=${sshQuoted(resolve(sshKeyFile))}`);
  if (knownHostsFile !== undefined) settings.push(`UserKnownHostsFile=${sshQuoted(resolve(knownHostsFile))}`);
  return ["ssh", "-F", devNull, ...settings.flatMap((setting) => ["-o", shellQuoted(setting)])].join(" ");
}

/** The path as a value of ssh's configuration, where `%` begins a token. */
function sshQuoted(path: string): string {
  return `"${path.replaceAll(/["\\]/g, "\\$&").replaceAll("%", "%%")}"`;
}
