import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { RegistryError } from "../oci/registry-error.ts";
import { BuildQueue, type BuildQueueOptions } from "./build-queue.ts";

const MANY: BuildQueueOptions = { places: 1, maxWaiting: 100, maxWaitingPerCaller: 100 };

/** A queue whose builds run until the test ends them. */
class Bench {
  /** Names, in the order in which their builds started. */
  readonly started: string[] = [];
  /** Ends running builds, by name. */
  readonly running = new Map<string, () => void>();
  /** How each request ended, as `caller:name` and its outcome; for a refusal, the fault. */
  readonly outcomes: string[] = [];
  mostRunning = 0;
  /** Requests without an outcome, as `caller:name`; several for the same name count once. */
  readonly pending = new Map<string, number>();
  readonly #queue: BuildQueue;
  readonly #requests: Promise<void>[] = [];

  constructor(options: Partial<BuildQueueOptions> = {}) {
    this.#queue = new BuildQueue({ ...MANY, ...options });
  }

  /** Sends a request; call the result to cancel it. */
  ask(caller: string, name: string): () => void {
    const controller = new AbortController();
    const work = async (signal: AbortSignal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      signal.throwIfAborted();
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.started.push(name);
      this.running.set(name, resolve);
      this.mostRunning = Math.max(this.mostRunning, this.running.size);
      await promise.finally(() => this.running.delete(name));
    };
    const waiter = { callerKey: caller, signal: controller.signal };
    const key = `${caller}:${name}`;
    this.pending.set(key, (this.pending.get(key) ?? 0) + 1);
    const end = (how: string) => {
      this.outcomes.push(`${key} ${how}`);
      const rest = (this.pending.get(key) ?? 0) - 1;
      if (rest > 0) this.pending.set(key, rest);
      else this.pending.delete(key);
    };
    this.#requests.push(
      this.#queue.run(name, waiter, work).then(
        () => end("built"),
        (error) => end(error instanceof RegistryError ? error.fault : (error as Error).message),
      ),
    );
    return () => controller.abort(new Error("left"));
  }

  /** The callers of all waiting builds, one entry for each of their builds. */
  waiting(): readonly string[] {
    const pairs = [...this.pending.keys()].map((key) => key.split(":"));
    return pairs.flatMap(([caller = "", name = ""]) => (this.running.has(name) ? [] : [caller]));
  }

  async finish(name: string): Promise<void> {
    this.running.get(name)?.();
    await settled();
  }

  /** Ends builds until none runs any more. */
  async finishAll(): Promise<void> {
    await settled();
    while (this.running.size > 0) for (const name of [...this.running.keys()]) await this.finish(name);
    await Promise.all(this.#requests);
  }
}

/** Resolves when all promises that can settle without the test have settled. */
async function settled(): Promise<void> {
  await Bun.sleep(0);
}

describe("the queue of builds", () => {
  it("runs as many builds as it has places, each caller's in order of arrival", async () => {
    const bench = new Bench({ places: 2 });
    for (const name of ["one", "two", "three", "four"]) bench.ask("a", name);
    expect(bench.started).toEqual(["one", "two"]);
    await bench.finishAll();
    expect(bench.started).toEqual(["one", "two", "three", "four"]);
    expect(bench.mostRunning).toBe(2);
  });

  it("lets callers take turns, however many builds each of them wants", async () => {
    const bench = new Bench();
    for (let i = 0; i < 50; i += 1) bench.ask("greedy", `g${i}`);
    bench.ask("modest", "m0");
    bench.ask("modest", "m1");
    bench.ask("third", "t0");
    await bench.finishAll();
    expect(bench.started.slice(0, 7)).toEqual(["g0", "g1", "m0", "t0", "g2", "m1", "g3"]);
  });

  it("shares one build among all requests for a name", async () => {
    const bench = new Bench();
    bench.ask("a", "image");
    bench.ask("a", "image");
    bench.ask("b", "image");
    await bench.finishAll();
    expect(bench.started).toEqual(["image"]);
    expect(bench.outcomes.toSorted()).toEqual(["a:image built", "a:image built", "b:image built"]);
  });

  it("runs a shared build when the first of its callers has a turn", async () => {
    const bench = new Bench();
    for (let i = 0; i < 20; i += 1) bench.ask("greedy", `g${i}`);
    bench.ask("modest", "g19");
    await bench.finishAll();
    expect(bench.started.indexOf("g19")).toBe(2);
    expect(bench.started).toHaveLength(20);
  });

  it("refuses a caller with too many waiting builds", async () => {
    const bench = new Bench({ maxWaitingPerCaller: 2 });
    for (const name of ["running", "one", "two", "three", "two"]) bench.ask("a", name);
    bench.ask("b", "four");
    await settled();
    expect(bench.outcomes).toEqual(["a:three too-many-requests"]);
    await bench.finishAll();
    expect(bench.started).toEqual(["running", "one", "four", "two"]);
  });

  it("says when to try again", async () => {
    const queue = new BuildQueue({ places: 1, maxWaiting: 1, maxWaitingPerCaller: 1 });
    const { promise, resolve } = Promise.withResolvers<void>();
    const ask = (name: string) => queue.run(name, { callerKey: "a" }, () => promise);
    const admitted = [ask("running"), ask("waiting")];
    await expect(ask("third")).rejects.toMatchObject({ detail: { retryAfterSeconds: 10 } });
    resolve();
    await Promise.all(admitted);
  });

  it("refuses the newest build of the longest line when all waiting places are taken", async () => {
    const bench = new Bench({ maxWaiting: 4 });
    for (const name of ["running", "g0", "g1", "g2", "g3"]) bench.ask("greedy", name);
    bench.ask("modest", "m0");
    await settled();
    expect(bench.outcomes).toEqual(["greedy:g3 too-many-requests"]);
    bench.ask("greedy", "g4");
    bench.ask("modest", "m1");
    bench.ask("modest", "m2");
    await settled();
    expect(bench.outcomes.slice(1)).toEqual([
      "greedy:g4 too-many-requests",
      "modest:m2 too-many-requests",
      "greedy:g2 too-many-requests",
    ]);
    await bench.finishAll();
    expect(bench.started).toEqual(["running", "g0", "m0", "g1", "m1"]);
  });

  it("continues a build that one caller was refused while another one waits for it", async () => {
    const bench = new Bench({ maxWaiting: 4 });
    for (const name of ["running", "g0", "g1", "shared"]) bench.ask("greedy", name);
    bench.ask("other", "shared");
    bench.ask("third", "t0");
    await settled();
    expect(bench.outcomes).toEqual(["greedy:shared too-many-requests"]);
    await bench.finishAll();
    expect(bench.outcomes).toContain("other:shared built");
  });

  it("drops a waiting build, and stops a running one, when no request is left", async () => {
    const bench = new Bench();
    const leaves = [bench.ask("a", "running"), bench.ask("a", "running"), bench.ask("a", "waiting")];
    bench.ask("b", "next");
    leaves[2]?.();
    leaves[0]?.();
    await settled();
    expect(bench.started).toEqual(["running"]);
    expect([...bench.running.keys()]).toEqual(["running"]);
    leaves[1]?.();
    await settled();
    expect([...bench.running.keys()]).toEqual(["next"]);
    await bench.finishAll();
    expect(bench.outcomes.toSorted()).toEqual([
      "a:running left",
      "a:running left",
      "a:waiting left",
      "b:next built",
    ]);
  });

  it("keeps its bounds and loses no place, whatever requests come and go", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("ask" as const), caller: fc.nat(3), name: fc.nat(5) }),
      fc.record({ kind: fc.constant("leave" as const), which: fc.nat(30) }),
      fc.record({ kind: fc.constant("finish" as const), which: fc.nat(3) }),
      fc.record({ kind: fc.constant("settle" as const) }),
    );
    const bounds = fc.record({
      places: fc.integer({ min: 1, max: 2 }),
      maxWaiting: fc.integer({ min: 1, max: 4 }),
      maxWaitingPerCaller: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(bounds, fc.array(step, { maxLength: 40 }), async (options, steps) => {
        const bench = new Bench(options);
        const leaves: (() => void)[] = [];
        for (const one of steps) {
          if (one.kind === "ask") leaves.push(bench.ask(`c${one.caller}`, `n${one.name}`));
          else if (one.kind === "leave") leaves[one.which]?.();
          else if (one.kind === "finish") [...bench.running.values()][one.which]?.();
          else await settled();
          if (one.kind !== "settle") continue;
          const waiting = bench.waiting();
          expect(waiting.length).toBeLessThanOrEqual(options.maxWaiting);
          for (const caller of waiting) {
            const own = waiting.filter((other) => other === caller);
            expect(own.length).toBeLessThanOrEqual(options.maxWaitingPerCaller);
          }
        }
        await bench.finishAll();
        expect(bench.outcomes).toHaveLength(leaves.length);
        expect(bench.mostRunning).toBeLessThanOrEqual(options.places);
        const before = bench.started.length;
        for (let i = 0; i < options.places; i += 1) bench.ask(`new${i}`, `new${i}`);
        expect(bench.started).toHaveLength(before + options.places);
        await bench.finishAll();
      }),
    );
  });
});
