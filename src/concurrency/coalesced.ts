/** Work that covers all requests made before it starts. Runs one at a time. */
export class Coalesced {
  readonly #work: () => Promise<void>;
  #last: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when work that started after this call has ended. @throws what that work throws */
  run(): Promise<void> {
    this.#next ??= this.#start();
    return this.#next;
  }

  async #start(): Promise<void> {
    await this.#last.catch(() => {});
    this.#last = this.#work();
    this.#next = undefined;
    await this.#last;
  }
}
