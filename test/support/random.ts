/** Repeatable random choices: the same seed gives the same choices on any machine (xorshift128, 32 bits a step). */
export class Random {
  readonly #state: Uint32Array<ArrayBuffer>;

  constructor(seed: number) {
    this.#state = new Uint32Array([seed, seed ^ 0x9e3779b9, ~seed, 0x85ebca6b]);
    for (let i = 0; i < 16; i++) this.#next();
  }

  /** A whole number from 0 to `below`, not included. */
  below(below: number): number {
    return Math.floor((this.#next() / 2 ** 32) * below);
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of `values`. */
  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error("there is nothing to pick from");
    return value;
  }

  /** That many bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.#next();
    return bytes;
  }

  /** Another random source, which does not depend on later choices of this one. */
  fork(): Random {
    return new Random(this.#next());
  }

  #next(): number {
    const [x = 0, y = 0, z = 0, w = 0] = this.#state;
    const mixed = x ^ (x << 11);
    const result = w ^ (w >>> 19) ^ mixed ^ (mixed >>> 8);
    this.#state.set([y, z, w, result]);
    return result >>> 0;
  }
}
