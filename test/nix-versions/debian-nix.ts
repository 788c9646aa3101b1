import { access, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { mustRun } from "../support/command.ts";

/** A Nix that is not installed. */
export interface UnpackedNix {
  /** Such as `nix-store (Nix) 2.26.3`. */
  readonly version: string;
  /** A folder for the search path. */
  readonly programs: string;
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PROGRAMS = ["nix", "nix-store", "nix-instantiate"];

/**
 * Unpacks Nix of another suite of Debian, such as `sid`, with all libraries that it needs, into `folder`, from where the
 * host's apt has its packages. What is there already is taken.
 *
 * Nothing is installed: each program is a script that runs the unpacked one by its own dynamic loader.
 */
export async function unpackNix(suite: string, folder: string): Promise<UnpackedNix> {
  const programs = join(folder, "programs");
  const isThere = await access(programs).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const root = join(folder, "root");
    for (const archive of await download(suite, join(folder, "apt")))
      await mustRun(["dpkg-deb", "--extract", archive, root]);
    await writePrograms(root, programs);
  }
  const version = await mustRun([join(programs, "nix-store"), "--version"], { HOME: folder });
  return { version: version.trim(), programs };
}

/** Downloads Nix and what it needs, as if nothing were installed; resolves to the packages' files. */
async function download(suite: string, state: string): Promise<readonly string[]> {
  const archives = join(state, "archives");
  for (const name of ["lists/partial", "archives/partial"])
    await mkdir(join(state, name), { recursive: true });
  await writeFile(join(state, "status"), "");
  await writeFile(
    join(state, "sources.list"),
    `deb [signed-by=${KEYRING}] ${await mirror()} ${suite} main\n`,
  );
  const settings = {
    "Dir::State": state,
    "Dir::State::lists": join(state, "lists"),
    "Dir::State::status": join(state, "status"),
    "Dir::Cache": state,
    "Dir::Cache::archives": archives,
    "Dir::Etc::sourcelist": join(state, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::Etc::preferences": "-",
    "Dir::Etc::preferencesparts": "-",
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";`);
  const hooks = ["APT::Update::Post-Invoke", "APT::Update::Post-Invoke-Success", "DPkg::Post-Invoke"];
  const configuration = join(state, "apt.conf");
  await writeFile(configuration, [...lines, ...hooks.map((hook) => `#clear ${hook};`)].join("\n"));
  const environment = { APT_CONFIG: configuration };
  await mustRun(["apt-get", "update", "--quiet"], environment);
  const options = ["--quiet", "--yes", "--download-only", "--no-install-recommends"];
  await mustRun(["apt-get", "install", ...options, "nix-bin"], environment);
  const names = (await readdir(archives)).filter((name) => name.endsWith(".deb"));
  return names.map((name) => join(archives, name));
}

/** Where the host's apt has the packages of the host's own suite. */
async function mirror(): Promise<string> {
  const suite = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  const targets = await mustRun(["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)"]);
  const address = targets
    .split("\n")
    .map((line) => line.split(" "))
    .find(([release]) => release === suite)?.[1];
  if (address === undefined) throw new Error("the host's apt has no source for the host's own suite");
  return address;
}

async function writePrograms(root: string, programs: string): Promise<void> {
  const [found] = await Array.fromAsync(new Bun.Glob("usr/lib/*/ld-linux*.so.*").scan({ cwd: root }));
  if (found === undefined) throw new Error("there is no dynamic loader among the packages");
  const loader = join(root, found);
  const nix = join(root, "usr/bin/nix");
  await mkdir(programs);
  for (const name of PROGRAMS) {
    // Nix starts programs of its own, by this variable if it is there.
    const command = `NIX_BIN_DIR='${programs}' exec '${loader}' --library-path '${dirname(loader)}'`;
    const script = `#!/bin/sh\n${command} --argv0 ${name} '${nix}' "$@"\n`;
    await writeFile(join(programs, name), script, { mode: 0o755 });
  }
}
