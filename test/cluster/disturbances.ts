/** Milliseconds after the end of a disturbance in which its last broken connections may still show. */
const AFTERMATH_MS = 500;

/** When something that requests cannot do without was down: an instance or the proxy, not Redis. */
export class Disturbances {
  readonly #ended: { readonly from: number; readonly to: number }[] = [];
  readonly #running = new Set<number>();

  /** Notes that a disturbance begins now; the answer is called when it is over. */
  begin(): () => void {
    const from = performance.now();
    this.#running.add(from);
    return () => {
      this.#running.delete(from);
      this.#ended.push({ from, to: performance.now() + AFTERMATH_MS });
    };
  }

  /** Whether a request that began at `from` and ends now had part in one. */
  excuse(from: number): boolean {
    return this.#running.size > 0 || this.#ended.some(({ to }) => to > from);
  }
}
