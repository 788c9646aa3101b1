import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NixStore } from "../../src/builder/nix/store/nix-store.ts";
import { HOST_SHELL, makeRemovable } from "../support/nix.ts";
import { openNixStore, testRunner } from "../support/nix-store.ts";
import { NIX_TEXTS_FOLDER, type NixText, type NixTexts } from "../support/nix-texts.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const FAILURES = join(import.meta.dir, "failures.nix");
/** In place of the store's folder and of this checkout. */
const STORE = "/srv/slipway/nix/store";
const FILES = "/srv/files";
const MAX_LENGTH = 2_000;
const LIMITS = { timeoutMs: 600_000, signal: new AbortController().signal };
const MISSING = "/nix/store/pxq0n6dqy2x71clbgagia38035m9claw-missing.drv";

/** Names of evaluations that {@link FAILURES} has. */
const EVALUATIONS = [
  ...["throws", "throwsLines", "throwsInside", "asserts", "aborts", "wrongType", "missingAttribute"],
  ...["endlessValue", "endlessCall", "outOfMemory", "readsFile", "copiesFile", "fetchesUrl", "fetchesGit"],
  ...["buildsMeanwhile", "runsProgram"],
];

/** Builds that {@link FAILURES} has, with options, by the name of the text. */
const REALISATIONS: Readonly<Record<string, { readonly of: readonly string[]; readonly with?: string }>> = {
  fails: { of: ["fails"] },
  needsFailing: { of: ["needsFailing"] },
  twoFail: { of: ["slow", "fails"] },
  timedOut: { of: ["slow"], with: "timeout 1" },
  needsTimedOut: { of: ["needsSlow"], with: "timeout 1" },
  twoTimedOut: { of: ["slow", "slower"], with: "timeout 1" },
  silent: { of: ["slow"], with: "max-silent-time 1" },
  flood: { of: ["flood"], with: "max-build-log-size 1000" },
  wrongHash: { of: ["wrongHash"] },
  needsWrongHash: { of: ["needsWrongHash"] },
  download: { of: ["download"] },
  otherSystem: { of: ["otherSystem"] },
  noJobs: { of: ["fails"], with: "max-jobs 0" },
  noOutput: { of: ["noOutput"] },
  noSandbox: { of: ["noSandbox"] },
  noBuilder: { of: ["noBuilder"] },
};

/** Notes what the Nix on the search path writes when something fails, in a file for its version. */
class Recorder {
  readonly #store: NixStore;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#store = this.#open("store", []);
  }

  /** Resolves to the file. */
  async record(): Promise<string> {
    const { stdout } = await this.#store.run(["nix-store", "--version"], LIMITS);
    const version = /[\d.]+\s*$/.exec(stdout)?.[0].trim() ?? "unknown";
    const texts: NixTexts = {
      version,
      evaluations: await this.#evaluations(),
      realisations: await this.#realisations(),
      plans: await this.#plans(),
      tarballs: await this.#tarballs(),
    };
    const file = join(NIX_TEXTS_FOLDER, `${version}.json`);
    await writeFile(file, `${JSON.stringify(texts, undefined, 2)}\n`);
    return file;
  }

  #open(name: string, substituters: readonly string[]): NixStore {
    const stateFolder = join(this.#folder, name);
    return openNixStore(stateFolder, testRunner(), { substituters, sandboxPaths: HOST_SHELL, maxJobs: 2 });
  }

  async #text(command: readonly string[], store = this.#store): Promise<NixText> {
    const { exitCode, stderr } = await store.run(command, LIMITS);
    const text = stderr
      .replaceAll(store.folders.store, STORE)
      .replaceAll(this.#folder, FILES)
      .replaceAll(import.meta.dir, FILES);
    return { exitCode, stderr: text.slice(-MAX_LENGTH) };
  }

  async #evaluations(): Promise<Readonly<Record<string, NixText>>> {
    const texts: Record<string, NixText> = {};
    const command = ["nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode"];
    for (const name of EVALUATIONS)
      texts[name] = await this.#text([...command, ...allowed(), "-A", `evaluations.${name}`]);
    return texts;
  }

  async #realisations(): Promise<Readonly<Record<string, NixText>>> {
    const texts: Record<string, NixText> = {};
    for (const [name, wanted] of Object.entries(REALISATIONS)) {
      const derivations = await Promise.all(wanted.of.map((build) => this.#instantiate(build)));
      const options = wanted.with === undefined ? [] : ["--option", ...wanted.with.split(" ")];
      texts[name] = await this.#text(["nix-store", "--realise", ...options, ...derivations]);
    }
    texts.missing = await this.#text(["nix-store", "--realise", `${MISSING}!out`]);
    const unsteady = await this.#instantiate("unsteady");
    await this.#store.run(["nix-store", "--realise", unsteady], LIMITS);
    texts.differs = await this.#text(["nix-store", "--realise", "--check", unsteady]);
    return texts;
  }

  async #plans(): Promise<Readonly<Record<string, NixText>>> {
    const command = ["nix-store", "--realise", "--dry-run"];
    const [failing, large] = await Promise.all([
      this.#instantiate("needsFailing"),
      this.#instantiate("large"),
    ]);
    const one = await this.#text([...command, large]);
    const built = await this.#text([...command, failing, large]);
    const { stdout } = await this.#store.run(["nix-store", "--realise", large], LIMITS);
    const cache = `file://${join(this.#folder, "cache")}`;
    const copy = ["nix", "--extra-experimental-features", "nix-command", "--offline", "copy", "--to", cache];
    await this.#store.run([...copy, stdout.trim()], LIMITS);
    const fetched = await this.#text([...command, stdout.trim()], this.#open("empty", [cache]));
    return { one, built, fetched, missing: await this.#text([...command, `${MISSING}!out`]) };
  }

  async #tarballs(): Promise<Readonly<Record<string, NixText>>> {
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => new Response("nothing here", { status: 404, statusText: "Not Found" }),
    });
    const addresses = {
      unknown: `http://127.0.0.1:${server.port}/x.tar.gz`,
      refused: "http://127.0.0.1:9/x.tar.gz",
      noFile: "file:///nosuch/folder/x.tar.gz",
    };
    const texts: Record<string, NixText> = {};
    for (const [name, url] of Object.entries(addresses)) {
      const command = ["nix-instantiate", "--eval", "--read-write-mode", "--option", "allowed-uris", url];
      const expression = `builtins.fetchTarball { name = "source"; url = "${url}"; }`;
      const { exitCode, stderr } = await this.#text([...command, "-E", expression]);
      texts[name] = { exitCode, stderr: stderr.replaceAll(`:${server.port}`, ":5000") };
    }
    return texts;
  }

  async #instantiate(build: string): Promise<string> {
    const command = ["nix-instantiate", ...allowed(), "-A", `builds.${build}`];
    const { exitCode, stdout, stderr } = await this.#store.run(command, LIMITS);
    if (exitCode !== 0) throw new Error(`${build} cannot be evaluated: ${stderr}`);
    return stdout.trim();
  }
}

function allowed(): readonly string[] {
  return ["-I", `failures=${FAILURES}`, FAILURES];
}

await using folder = await temporaryFolder("nix-texts");
const file = await new Recorder(folder.path).record();
await makeRemovable(folder.path);
console.log(`recorded ${file}`);
