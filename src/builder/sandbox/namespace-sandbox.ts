import { chmod, chown, mkdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ByteSource } from "../../bytes/byte-source.ts";
import { type Clock, SYSTEM_CLOCK } from "../../clock.ts";
import { chooseIdMap, type FindProgram, type IdMap } from "./id-map.ts";
import { NamespaceProcess } from "./namespace-process.ts";
import { NamespaceRun } from "./namespace-run.ts";
import type { Sandbox, SandboxAvailability, Stage, StageRun } from "./sandbox.ts";
import { trySandbox } from "./sandbox-trial.ts";
import type { StageOrder } from "./stage-order.ts";
import { UnpackPrograms } from "./unpack-programs.ts";

/** Options of a {@link NamespaceSandbox}. */
export interface NamespaceSandboxOptions {
  /** Finds `unshare`, `setpriv`, and for users other than root `newuidmap` and `newgidmap`. */
  readonly find: FindProgram;
  /**
   * A folder for this sandbox alone, as an absolute path; made if needed. Only this server's user can enter it. Trees
   * should be below it.
   */
  readonly folder: string;
  /** For root: the first of 65,536 ids that nobody has. By default, root's range in `/etc/subuid`, else 1879048192. */
  readonly firstId?: number;
  readonly clock?: Clock;
}

/**
 * A sandbox made of Linux namespaces, an overlay, capabilities and a filter of system calls.
 *
 * The ids of its users belong to nobody on the host. Several stages can run at once.
 */
export class NamespaceSandbox implements Sandbox, AsyncDisposable {
  readonly #find: FindProgram;
  readonly #folder: string;
  readonly #firstId: number | undefined;
  readonly #clock: Clock;
  #ids: Promise<IdMap> | undefined;
  #availability: Promise<SandboxAvailability> | undefined;
  readonly #unpackPrograms: UnpackPrograms;

  constructor(options: NamespaceSandboxOptions) {
    this.#find = options.find;
    this.#folder = options.folder;
    this.#firstId = options.firstId;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#unpackPrograms = new UnpackPrograms({
      folder: options.folder,
      own: async (folder) => {
        const ids = await this.#prepare();
        if (ids.kind === "moved") await chown(folder, ids.firstId, ids.firstId);
      },
      start: (order, signal) => this.#start("unpack", order, signal),
    });
  }

  available(): Promise<SandboxAvailability> {
    this.#availability ??= trySandbox(this, this.#folder);
    return this.#availability;
  }

  /** A name for the ids of its users. Trees that belong to other ids are of no use to it. */
  async ids(): Promise<string> {
    const ids = await this.#prepare();
    return ids.kind === "moved" ? `${ids.firstId}` : `${ids.firstUser}-${ids.firstGroup}`;
  }

  async unpack(archive: ByteSource, folder: string, signal: AbortSignal): Promise<void> {
    await this.#prepare();
    try {
      await this.#unpackPrograms.unpack(archive, folder, signal);
    } catch (error) {
      await this.remove(folder);
      throw error;
    }
  }

  async remove(folder: string): Promise<void> {
    const isThere = await stat(folder).then(
      () => true,
      () => false,
    );
    if (!isThere) return;
    await using program = await this.#start("remove", { folder }, new AbortController().signal);
    await program.expect("done");
    await rmdir(folder);
  }

  async run(stage: Stage, signal: AbortSignal): Promise<StageRun> {
    const order: StageOrder = {
      lowers: stage.lowers,
      files: stage.files.map(({ path, bytes, mode }) => ({
        path,
        mode,
        base64: Buffer.from(bytes).toString("base64"),
      })),
      moves: stage.moves ?? [],
      command: stage.command,
      environment: Object.entries(stage.environment).map(([name, value]) => `${name}=${value}`),
      limits: stage.limits,
      upperPoint: join(this.#folder, "upper"),
      workPoint: join(this.#folder, "work"),
      unshare: this.#find("unshare") ?? "unshare",
    };
    const program = await this.#start("collect", order, signal);
    try {
      return await NamespaceRun.of(program, stage, this.#clock);
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends the programs that wait for more work. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#unpackPrograms[Symbol.asyncDispose]();
  }

  async #start(
    program: "collect" | "remove" | "unpack",
    order: unknown,
    signal: AbortSignal,
  ): Promise<NamespaceProcess> {
    return NamespaceProcess.start({ program, order }, await this.#prepare(), this.#find, signal);
  }

  /** The ids, once the folders over which file systems are mounted are there. */
  #prepare(): Promise<IdMap> {
    this.#ids ??= (async () => {
      for (const name of ["", "upper", "work"]) {
        await mkdir(join(this.#folder, name), { recursive: true, mode: 0o700 });
      }
      // It may have been there before. Setuid files in trees belong to users of the sandbox, and nobody may reach them.
      await chmod(this.#folder, 0o700);
      await this.#unpackPrograms.prepare();
      return chooseIdMap(this.#find, this.#firstId);
    })();
    return this.#ids;
  }
}
