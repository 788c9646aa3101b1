/**
 * The layers of one build that are being unpacked and that its derived layers wait for. Where processors are few,
 * compressing before these have been unpacked would only keep the derived layers waiting.
 */
export class UnpackingLayers {
  readonly #onEnd: () => void;
  #count = 0;
  #hasEnded = false;

  /** @param onEnd called when none of them is being unpacked any more */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Whether there are any, or will be at once, and nobody needs one that is stored. */
  get areLeft(): boolean {
    return this.#count > 0 && !this.#hasEnded;
  }

  /** Adds a layer, whose parts are there, until its archive has ended or failed. */
  begin(): void {
    this.#count += 1;
  }

  /** Takes a layer away that was added. */
  finish(): void {
    this.#count -= 1;
    if (this.#count === 0) this.#onEnd();
  }

  /** Ends this for good, because a layer is needed that has been stored. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}
