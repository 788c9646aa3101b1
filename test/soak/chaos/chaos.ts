import type { Cluster } from "../../../examples/cluster/cluster.ts";
import type { Random } from "../../support/random.ts";
import type { Disturbances } from "./disturbances.ts";

const EVENTS = [
  ...["kill instance", "kill instance", "kill two instances", "hang instance", "restart instance"],
  ...["kill proxy", "kill Redis", "hang Redis", "empty Redis", "hang Redis and kill instance"],
] as const;

/** Disturbs the cluster at random, one disturbance at a time, and repairs everything at the end. */
export class Chaos {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #disturbances: Disturbances;
  readonly #redisUrl: string;
  readonly #happened = new Map<string, number>();

  constructor(cluster: Cluster, random: Random, disturbances: Disturbances, redisUrl: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#disturbances = disturbances;
    this.#redisUrl = redisUrl;
  }

  /** Runs until `ended` returns true; resolves to how often each thing happened. */
  async run(ended: () => boolean): Promise<string> {
    while (!ended()) {
      const event = this.#random.pick(EVENTS);
      this.#happened.set(event, (this.#happened.get(event) ?? 0) + 1);
      await this.#happen(event);
      await this.#pause(500, 2_500);
    }
    return [...this.#happened].map(([event, times]) => `${times} x ${event}`).join(", ");
  }

  async #happen(event: (typeof EVENTS)[number]): Promise<void> {
    const instances = this.#cluster.names.filter((name) => name.startsWith("slipway-"));
    const one = this.#random.pick(instances);
    const other = this.#random.pick(instances.filter((name) => name !== one));
    switch (event) {
      case "kill instance":
        return await this.#without([one]);
      case "kill two instances":
        return await this.#without([one, other]);
      case "kill proxy":
        return await this.#without(["proxy"]);
      case "restart instance":
        return await this.#disturb(async () => {
          await this.#cluster.stop(one);
          await this.#cluster.start(one);
        });
      case "hang instance":
        return await this.#disturb(() => this.#hang(one));
      case "kill Redis":
        await this.#cluster.kill("redis");
        await this.#pause(500, 3_000);
        return await this.#cluster.start("redis");
      case "hang Redis":
        return await this.#hang("redis");
      case "hang Redis and kill instance":
        // The killed instance can no longer remove from Redis what it deleted.
        return await this.#disturb(async () => {
          this.#cluster.signal("redis", "SIGSTOP");
          await this.#pause(500, 1_500);
          await this.#cluster.kill(one);
          this.#cluster.signal("redis", "SIGCONT");
          await this.#pause(200, 1_000);
          await this.#cluster.start(one);
        });
      case "empty Redis": {
        const redis = new Bun.RedisClient(this.#redisUrl);
        await redis.send("FLUSHALL", []);
        redis.close();
      }
    }
  }

  async #without(names: readonly string[]): Promise<void> {
    await this.#disturb(async () => {
      await Promise.all(names.map((name) => this.#cluster.kill(name)));
      await this.#pause(200, 2_500);
      await Promise.all(names.map((name) => this.#cluster.start(name)));
    });
  }

  async #hang(name: string): Promise<void> {
    this.#cluster.signal(name, "SIGSTOP");
    await this.#pause(300, 3_000);
    this.#cluster.signal(name, "SIGCONT");
  }

  async #disturb(work: () => Promise<void>): Promise<void> {
    const end = this.#disturbances.begin();
    try {
      await work();
    } finally {
      end();
    }
  }

  async #pause(leastMs: number, mostMs: number): Promise<void> {
    await Bun.sleep(leastMs + this.#random.below(mostMs - leastMs));
  }
}
