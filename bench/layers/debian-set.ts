import { join } from "node:path";
import { parsePrintedUris } from "../../src/builder/apt/apt-output.ts";
import { AptWorkspace } from "../../src/builder/apt/apt-workspace.ts";
import { type ControlStanza, parseStanzas } from "../../src/builder/debian/control-stanza.ts";
import type { PlanPart } from "../../src/builder/plan/layer-plan.ts";
import { CommandRunner } from "../../src/builder/process/command-runner.ts";
import { createLogger } from "../../src/log.ts";
import type { PackageSet } from "./package-set.ts";

/** What apt says about the packages of the set; small enough to be kept in the repository. */
export interface DebianRecord {
  /** Packages by name: the size of the file in bytes, and the packages that can satisfy the dependencies. */
  readonly packages: Readonly<Record<string, readonly [sizeBytes: number, ...references: string[]]>>;
  readonly essential: readonly string[];
  /** What apt would install for each program, without essential packages. */
  readonly programs: Readonly<Record<string, readonly string[]>>;
}

/** Programs that people put into images. */
const PROGRAMS =
  `ansible apache2 awscli bash-completion bind9-dnsutils build-essential busybox ca-certificates cmake curl
  default-jre-headless dnsmasq emacs-nox ffmpeg fish gcc gdb gh git gnupg golang-go graphviz haproxy htop httpie imagemagick
  iproute2 iputils-ping jq less lua5.4 make mariadb-client memcached mercurial neovim nginx nmap nodejs openjdk-17-jdk-headless
  openssh-client openssl pandoc perl php-cli postgresql-client python3 python3-numpy python3-pip python3-requests rclone
  redis-server ripgrep rsync ruby rustc shellcheck socat sqlite3 squid strace subversion tcpdump tmux tree unzip vim
  wget zip zsh`.split(/\s+/);

// The same as in the product: all essential packages except apt itself.
const ESSENTIAL = "?and(?essential,?not(?exact-name(apt)))";
const RECORD = join(import.meta.dir, "debian-record.json");

/** Reads the last record of what apt says. */
export async function readRecord(): Promise<DebianRecord> {
  return Bun.file(RECORD).json();
}

/** Records what apt says, for machines without it, with one line for each package or program. */
export async function writeRecord({ packages, essential, programs }: DebianRecord): Promise<void> {
  const lines = (record: object) =>
    Object.entries(record)
      .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
      .join(",\n");
  await Bun.write(
    RECORD,
    `{"packages":{\n${lines(packages)}\n},\n"essential":${JSON.stringify(essential)},\n"programs":{\n${lines(programs)}\n}}\n`,
  );
}

/** Whether {@link readDebian} can work on this machine. */
export function hasApt(): boolean {
  return ["apt-get", "apt-cache", "flock"].every((program) => Bun.which(program) !== null);
}

/** The set that images of Debian packages are drawn from. */
export function debianSet({ packages, essential, programs }: DebianRecord): PackageSet {
  const base = new Set(essential);
  const parts = Object.entries(packages).map(([id, [sizeBytes, ...references]]): [string, PlanPart] => [
    id,
    { id, bucket: id, sizeBytes, references, base: base.has(id) },
  ]);
  return {
    name: "Debian",
    parts: new Map(parts),
    always: essential,
    shell: [],
    programs: new Map(Object.entries(programs)),
  };
}

/** Queries this machine's apt, with the machine's sources and separate state in `folder`. */
export async function readDebian(folder: string, architecture: string): Promise<DebianRecord> {
  const log = createLogger("silent");
  const runner = new CommandRunner({ environment: process.env, log });
  const apt = new AptWorkspace({ folder, architecture, refreshListsSeconds: 86_400 }, runner, log);
  const signal = AbortSignal.timeout(600_000);
  await apt.refreshLists(signal);
  const versions = new Map<string, string>();
  /** What apt would install; `undefined` when this machine's sources lack a name. */
  const installed = async (...names: string[]): Promise<readonly string[] | undefined> => {
    const { stdout, exitCode } = await apt.query(
      ["apt-get", "install", "--print-uris", "--yes", "-q", "--", ESSENTIAL, ...names],
      signal,
    );
    if (exitCode !== 0) return undefined;
    const chosen = parsePrintedUris(stdout);
    for (const { name, version } of chosen) versions.set(name, version);
    return chosen.map(({ name }) => name);
  };
  const essential = (await installed()) ?? [];
  const programs: Record<string, readonly string[]> = {};
  for (const program of PROGRAMS) {
    const names = await installed(program);
    if (names !== undefined) programs[program] = names.filter((name) => !essential.includes(name));
  }
  const pins = [...versions].map(([name, version]) => `${name}=${version}`);
  const shown = await apt.query(["apt-cache", "show", "--no-all-versions", "--", ...pins], signal);
  return { packages: packagesOf(parseStanzas(shown.stdout)), essential, programs };
}

function packagesOf(stanzas: readonly ControlStanza[]): DebianRecord["packages"] {
  const providers = new Map<string, string[]>();
  for (const stanza of stanzas) {
    const name = stanza.get("package") ?? "";
    for (const provided of [name, ...namesIn(stanza.get("provides"))]) {
      providers.set(provided, [...(providers.get(provided) ?? []), name]);
    }
  }
  return Object.fromEntries(
    stanzas.map((stanza) => {
      const wanted = [...namesIn(stanza.get("pre-depends")), ...namesIn(stanza.get("depends"))];
      const references = new Set(wanted.flatMap((name) => providers.get(name) ?? []));
      return [stanza.get("package") ?? "", [Number(stanza.get("size")), ...references]];
    }),
  );
}

/** The names in a field such as `Depends`, including alternatives. */
function namesIn(field = ""): readonly string[] {
  return field
    .split(/[,|]/)
    .map((relation) => relation.trim().split(/[\s(:]/)[0] ?? "")
    .filter((name) => name !== "");
}
