import { symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandOutcome, mustRun, run } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { findProgram } from "../support/find-program.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

/** What it needs. buildkitd starts only where there is a runtime, although no build of these tests runs a program. */
const PROGRAMS = ["buildkitd", "buildctl"] as const;
const RUNTIMES = ["runc", "crun"];

/** Whether this machine can run {@link BuildDaemon}. */
export function canRunBuildKit(): boolean {
  const programs = PROGRAMS.every((name) => findProgram(name) !== undefined);
  return programs && RUNTIMES.some((name) => findProgram(name) !== undefined) && process.getuid?.() === 0;
}

/** The real BuildKit, with its data in a temporary folder. */
export class BuildDaemon implements AsyncDisposable {
  readonly #folder: TemporaryFolder;
  readonly #process: Bun.Subprocess;

  private constructor(folder: TemporaryFolder, process: Bun.Subprocess) {
    this.#folder = folder;
    this.#process = process;
  }

  /** Starts it; `registry` is one without TLS, such as `127.0.0.1:40123`. */
  static async start(registry: string): Promise<BuildDaemon> {
    const folder = await temporaryFolder("buildkit");
    const { path } = folder;
    const runtime = RUNTIMES.map(findProgram).find((one) => one !== undefined) as string;
    // It looks for this name.
    await symlink(runtime, join(path, "buildkit-runc"));
    const settings = [
      `[registry."${registry}"]`,
      "http = true",
      "[worker.containerd]",
      "enabled = false",
      "[worker.oci]",
      // Without mounts.
      'snapshotter = "native"',
    ];
    await writeFile(join(path, "buildkitd.toml"), settings.join("\n"));
    const options = ["--config", join(path, "buildkitd.toml"), "--root", join(path, "root")];
    const daemon = Bun.spawn([programOf("buildkitd"), ...options, "--addr", addressIn(path)], {
      env: { ...process.env, HOME: path, PATH: `${path}:${process.env.PATH}` },
      stdout: "ignore",
      stderr: Bun.file(join(path, "log")),
    });
    const started = new BuildDaemon(folder, daemon);
    await eventually(async () => (await started.#control("debug", "workers")).exitCode === 0);
    return started;
  }

  /**
   * Builds an image from the Dockerfile in `context`; resolves to what it said about the steps.
   *
   * @param options more options of `buildctl build`
   */
  async build(context: string, options: readonly string[]): Promise<string> {
    const sources = ["--local", `context=${context}`, "--local", `dockerfile=${context}`];
    const command = ["build", "--progress", "plain", "--frontend", "dockerfile.v0", ...sources, ...options];
    const { exitCode, stderr } = await this.#control(...command);
    if (exitCode !== 0) throw new Error(`the build ended with ${exitCode}:\n${stderr}`);
    return stderr;
  }

  /** Forgets all that it built. */
  async prune(): Promise<void> {
    await mustRun(this.#command("prune", "--all"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
    await this.#folder[Symbol.asyncDispose]();
  }

  #control(...parameters: readonly string[]): Promise<CommandOutcome> {
    return run(this.#command(...parameters), { HOME: this.#folder.path });
  }

  #command(...parameters: readonly string[]): readonly string[] {
    return [programOf("buildctl"), "--addr", addressIn(this.#folder.path), ...parameters];
  }
}

function programOf(name: (typeof PROGRAMS)[number]): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}

function addressIn(folder: string): string {
  return `unix://${join(folder, "buildkitd.sock")}`;
}
