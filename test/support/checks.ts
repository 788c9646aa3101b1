/** The results of checks. */
export class Checks {
  #passed = 0;
  readonly #failures: string[] = [];

  /** Counts a check; prints it at once if it failed. */
  check(passed: boolean, what: () => string): void {
    if (passed) {
      this.#passed += 1;
      return;
    }
    const failure = what();
    this.#failures.push(failure);
    if (this.#failures.length <= 50) console.log(`FAILED ${failure}`);
  }

  /** Runs one named check; it fails by throwing. */
  async run(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.check(true, () => name);
      console.log(`passed ${name}`);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.check(false, () => `${name}: ${reason}`);
    }
  }

  get failed(): number {
    return this.#failures.length;
  }

  /** Such as `12 passed, 0 failed`. */
  summary(): string {
    return `${this.#passed} passed, ${this.failed} failed`;
  }
}
