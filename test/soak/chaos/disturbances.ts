/** How long after a disturbance its broken connections may still cause failures, in milliseconds. */
const AFTERMATH_MS = 500;

/** The times when an instance or the proxy was down. Redis does not count, because requests work without it. */
export class Disturbances {
  readonly #ended: { readonly from: number; readonly to: number }[] = [];
  readonly #running = new Set<number>();

  /** Records the start of a disturbance; call the result when it is over. */
  begin(): () => void {
    const from = performance.now();
    this.#running.add(from);
    return () => {
      this.#running.delete(from);
      this.#ended.push({ from, to: performance.now() + AFTERMATH_MS });
    };
  }

  /** Whether a request that began at `from` and ends now overlaps with a disturbance. */
  excuse(from: number): boolean {
    return this.#running.size > 0 || this.#ended.some(({ to }) => to > from);
  }
}
