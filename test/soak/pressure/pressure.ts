import type { Checks } from "../../support/checks.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import type { ServerProcess } from "../../support/server-process.ts";
import { figure } from "../figures.ts";
import { type LatencySummary, shownLatencies, summarize } from "./latencies.ts";
import type { LoadReply, LoadRequest } from "./load.ts";
import type { Pattern } from "./pattern.ts";
import type { ProbeReply, ProbeRequest } from "./probe.ts";
import { ResidentMemory } from "./resident-memory.ts";
import { startWorker } from "./worker-process.ts";

const MEBIBYTE = 1024 * 1024;

/** Resident memory that the server should never exceed. It is reported and not checked (ADR 12). */
const WANTED_MEMORY_BYTES = 256 * MEBIBYTE;

/** Maximum resident memory beside each pattern alone. A guard against growth. */
const MAX_MEMORY_BYTES = 304 * MEBIBYTE;

/** Maximum resident memory beside the mix, in which several bursts can come at the same moment. */
const MAX_MIX_MEMORY_BYTES = 384 * MEBIBYTE;

/** Maximum 99th percentile of the probe beside one fairness case at full speed. */
const MAX_FAIRNESS_P99_MS = 100;

/**
 * The probe's 99th percentile beside the mix should be at most this multiple of that of the idle server. It is reported
 * and not checked: a burst of hundreds of connections is received in one turn of Bun's event loop (ADR 12).
 */
const WANTED_MIX_RATIO = 10;

const PROBE_REPOSITORY = "probe/tiny";

/** What to run. */
export interface PressureOptions {
  readonly seed: number;
  /** How long all phases last together, in seconds, without the pushes that prepare them. */
  readonly seconds: number;
  /** Factor of the pauses between bursts of the mix. */
  readonly pace: number;
  readonly patterns: readonly Pattern[];
}

/** Starts a server, runs the patterns against it, and measures its memory and its latency. */
export class Pressure implements Disposable {
  readonly #server: ServerProcess;
  readonly #options: PressureOptions;
  readonly #checks: Checks;
  readonly #load = startWorker<LoadRequest, LoadReply>("load.ts");
  readonly #probe = startWorker<ProbeRequest, ProbeReply>("probe.ts");
  readonly #memory: ResidentMemory;

  constructor(server: ServerProcess, options: PressureOptions, checks: Checks) {
    this.#server = server;
    this.#options = options;
    this.#checks = checks;
    this.#memory = new ResidentMemory(server.pid);
  }

  /** Measures resident memory beside each pattern alone, then beside all of them. */
  async measureMemory(): Promise<void> {
    const { seconds, pace, patterns } = this.#options;
    await this.#prepare();
    const phaseMs = (seconds * 500) / patterns.length;
    for (const pattern of patterns) {
      await this.#phase(pattern.name, [pattern], phaseMs, pattern.isFairnessCase ? 0 : 1);
    }
    this.#checkMemory("each pattern alone", MAX_MEMORY_BYTES);
    await this.#phase("mix", patterns, seconds * 500, pace);
    this.#checkMemory("the mix", MAX_MIX_MEMORY_BYTES);
  }

  /** Measures the probe's latencies without other clients, beside each fairness case, and beside all patterns. */
  async measureLatency(): Promise<void> {
    const { seconds, pace, patterns } = this.#options;
    await this.#prepare();
    const fairnessCases = patterns.filter(({ isFairnessCase }) => isFairnessCase);
    const phaseMs = (seconds * 500) / (fairnessCases.length + 1);
    const idle = await this.#phase("idle", [], phaseMs, 1);
    figure("p99 idle", `${idle.windowP99.toFixed(1)} ms`);
    for (const pattern of fairnessCases) {
      const beside = await this.#phase(pattern.name, [pattern], phaseMs, 0);
      figure(`p99 beside ${pattern.name}`, `${beside.windowP99.toFixed(1)} ms`);
      this.#checkBelow(`p99 beside ${pattern.name}`, beside.windowP99, MAX_FAIRNESS_P99_MS);
    }
    const loaded = await this.#phase("mix", patterns, seconds * 500, pace);
    figure("p99 beside the mix", `${loaded.windowP99.toFixed(1)} ms`);
    const ratio = (loaded.windowP99 / idle.windowP99).toFixed(1);
    console.log(`p99 beside the mix is ${ratio} times that of the idle server; wanted: ${WANTED_MIX_RATIO}`);
  }

  #checkMemory(beside: string, bound: number): void {
    const [peak, most] = [Math.round(this.#memory.largest / MEBIBYTE), bound / MEBIBYTE];
    const wanted = WANTED_MEMORY_BYTES / MEBIBYTE;
    console.log(`peak resident memory beside ${beside}: ${peak} MiB; wanted: ${wanted}`);
    figure(`peak beside ${beside}`, `${peak} MiB`);
    this.#checks.check(
      this.#memory.largest < bound,
      () => `resident memory beside ${beside} reached ${peak} MiB, over ${most}`,
    );
  }

  [Symbol.dispose](): void {
    this.#load[Symbol.dispose]();
    this.#probe[Symbol.dispose]();
    this.#memory[Symbol.dispose]();
  }

  async #prepare(): Promise<void> {
    const startedAt = performance.now();
    await new RegistryClient(this.#server).pushImage(PROBE_REPOSITORY, "latest");
    for (const pattern of this.#options.patterns) {
      await this.#load.ask(this.#order("prepare", [pattern], 0, 1));
    }
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`prepared in ${seconds} s, peak ${this.#takePeak()}`);
  }

  /** Runs patterns beside the probe for a time, and reports the results of both. */
  async #phase(
    title: string,
    patterns: readonly Pattern[],
    milliseconds: number,
    pace: number,
  ): Promise<LatencySummary> {
    await Bun.sleep(1000);
    this.#takePeak();
    const path = `/v2/${PROBE_REPOSITORY}/manifests/latest`;
    const probing = this.#probe.ask({ url: this.#server.url, path, milliseconds });
    const counts =
      patterns.length === 0 ? {} : await this.#load.ask(this.#order("run", patterns, milliseconds, pace));
    const { latencies, failures } = await probing;
    const summary = summarize(latencies);
    console.log(`${title}: ${shownLatencies(summary)}; peak ${this.#takePeak()}`);
    for (const [name, answers] of Object.entries(counts)) console.log(`  ${name} ${JSON.stringify(answers)}`);
    this.#checks.check(failures === 0, () => `${title}: ${failures} requests of the probe failed`);
    this.#checks.check(
      !this.#hasEnded(),
      () => `${title}: the server ended:\n${this.#server.output().slice(-2000)}`,
    );
    return summary;
  }

  #order(
    task: LoadRequest["task"],
    patterns: readonly Pattern[],
    milliseconds: number,
    pace: number,
  ): LoadRequest {
    const { seed, seconds } = this.#options;
    const names = patterns.map(({ name }) => name);
    return { task, url: this.#server.url, names, seed, seconds, milliseconds, pace };
  }

  #checkBelow(what: string, value: number, bound: number): void {
    this.#checks.check(value < bound, () => `${what}: ${value.toFixed(2)} ms, not under ${bound.toFixed(2)}`);
  }

  #takePeak(): string {
    return `${Math.round(this.#memory.takePeak() / MEBIBYTE)} MiB`;
  }

  #hasEnded(): boolean {
    try {
      return !process.kill(this.#server.pid, 0);
    } catch {
      return true;
    }
  }
}
