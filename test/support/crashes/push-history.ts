/** What a key may hold, such as the digest that a tag leads to; `undefined` if it may be absent. */
export type Value = string | undefined;

interface Change {
  readonly value: Value;
  readonly begunAt: number;
  /** When its client had the answer. */
  acknowledgedAt: number | undefined;
}

/**
 * What clients asked a server to store, and what it acknowledged, by moments of a recording. For each key, one request runs
 * at a time.
 */
export class PushHistory {
  readonly #changes = new Map<string, Change[]>();
  readonly #now: () => number;

  /** @param now the moment of the recording; it may be a little late */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes a request that sets keys to values. It counts as acknowledged if `send` resolves to true. */
  async set(values: Readonly<Record<string, Value>>, send: () => Promise<boolean>): Promise<boolean> {
    const begunAt = this.#now();
    const changes = Object.entries(values).map(([key, value]) => {
      const change: Change = { value, begunAt, acknowledgedAt: undefined };
      this.#changes.set(key, [...(this.#changes.get(key) ?? []), change]);
      return change;
    });
    const isAcknowledged = await send();
    if (isAcknowledged) for (const change of changes) change.acknowledgedAt = this.#now();
    return isAcknowledged;
  }

  get keys(): readonly string[] {
    return [...this.#changes.keys()];
  }

  /** The moments at which clients had answers. */
  acknowledgements(): readonly number[] {
    return [...this.#changes.values()].flat().flatMap(({ acknowledgedAt }) => acknowledgedAt ?? []);
  }

  /** What the key may hold after a power cut at a moment. */
  allowedAt(key: string, moment: number): ReadonlySet<Value> {
    const begun = (this.#changes.get(key) ?? []).filter(({ begunAt }) => begunAt <= moment);
    const last = begun.findLastIndex(
      ({ acknowledgedAt }) => acknowledgedAt !== undefined && acknowledgedAt <= moment,
    );
    const certain = last < 0 ? undefined : begun[last]?.value;
    return new Set([certain, ...begun.slice(last + 1).map(({ value }) => value)]);
  }

  /** The value that was acknowledged last, now. */
  current(key: string): Value {
    return this.#changes.get(key)?.findLast(({ acknowledgedAt }) => acknowledgedAt !== undefined)?.value;
  }
}
