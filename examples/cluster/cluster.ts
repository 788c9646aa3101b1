import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type ClusterOptions, pidFolder } from "./cluster-options.ts";
import { postgresService } from "./postgres-service.ts";
import { s3Service } from "./s3-service.ts";
import { launch, runningProcess, STOP_WITHIN_MS, stop, stopSignal } from "./service-process.ts";
import { proxyService, redisService, type Service, slipwayService } from "./services.ts";

const READY_WITHIN_MS = 60_000;
const READY_CHECK_MS = 50;

/** A cluster on this host: engines, instances and the proxy, each a process with a pid file. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #services: ReadonlyMap<string, Service>;

  private constructor(options: ClusterOptions, services: readonly Service[]) {
    this.#options = options;
    this.#services = new Map(services.map((service) => [service.name, service]));
  }

  /** Prepares the folder; starts nothing yet. `settings` are variables laid over what an instance, 1, 2 …, is told. */
  static async open(
    options: ClusterOptions,
    settings: (instance: number) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<Cluster> {
    // PostgreSQL may run as another user, who must be able to pass.
    await mkdir(options.data, { recursive: true, mode: 0o755 });
    const services = [
      await postgresService(options),
      redisService(options),
      await s3Service(options),
      ...options.instancePorts.map((port, index) =>
        slipwayService(options, index + 1, port, settings(index + 1)),
      ),
      proxyService(options),
    ];
    return new Cluster(options, services);
  }

  /** Names of all processes, in the order in which they start. */
  get names(): readonly string[] {
    return [...this.#services.keys()];
  }

  /** Where clients connect. */
  get url(): string {
    return `http://127.0.0.1:${this.#options.port}`;
  }

  /** Where each instance listens. */
  get instanceUrls(): readonly string[] {
    return this.#options.instancePorts.map((port) => `http://127.0.0.1:${port}`);
  }

  /** Starts what does not run, in order; resolves when all of it answers. */
  async up(started: (name: string) => void = () => {}): Promise<void> {
    for (const name of this.names) {
      await this.start(name);
      started(name);
    }
  }

  /** Ends everything, those first that depend on others. */
  async down(): Promise<void> {
    for (const name of this.names.toReversed()) await this.stop(name);
  }

  /** Starts one process unless it runs; resolves when it answers. */
  async start(name: string): Promise<void> {
    const service = this.#service(name);
    const pidFile = this.#pidFile(name);
    if (runningProcess(pidFile) === undefined) {
      await service.prepare?.();
      const { command, environment } = service;
      launch({ command, environment, pidFile, logFile: this.logFile(name) });
    }
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await service.ready().catch(() => false))) {
      if (runningProcess(pidFile) === undefined || Date.now() > deadline) {
        throw new Error(`${name} does not answer; see ${this.logFile(name)}`);
      }
      await Bun.sleep(READY_CHECK_MS);
    }
  }

  /** Ends one process in good order. */
  async stop(name: string): Promise<void> {
    await stop(this.#pidFile(name), stopSignal(name), STOP_WITHIN_MS);
  }

  /** Ends one process as a crash would. */
  async kill(name: string): Promise<void> {
    await stop(this.#pidFile(name), "SIGKILL", STOP_WITHIN_MS);
  }

  /** Hangs one process, or lets it go on. */
  signal(name: string, signal: "SIGSTOP" | "SIGCONT"): void {
    const pid = runningProcess(this.#pidFile(name));
    if (pid !== undefined) process.kill(pid, signal);
  }

  /** Where a process writes what it has to say. */
  logFile(name: string): string {
    return join(this.#options.data, "log", `${name}.log`);
  }

  #pidFile(name: string): string {
    return join(pidFolder(this.#options.data), `${name}.pid`);
  }

  #service(name: string): Service {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`the cluster has no ${name}`);
    return service;
  }
}
