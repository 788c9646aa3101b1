/**
 * The layers of one build that its derived layers wait for. Where processors are few, compressing them before all that can be
 * unpacked have been would only keep the derived layers waiting.
 */
export class LayerBatch {
  readonly #onEnd: () => void;
  #unpacking = 0;
  #hasEnded = false;

  /** @param onEnd called when nothing of the batch is being unpacked any more */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Whether layers are being unpacked, or will be at once, and nobody needs one that is stored. */
  get isUnpacking(): boolean {
    return this.#unpacking > 0 && !this.#hasEnded;
  }

  /** Adds a layer, whose parts are there, until its archive has ended or failed. */
  begin(): void {
    this.#unpacking += 1;
  }

  /** Takes a layer away that was added. */
  finish(): void {
    this.#unpacking -= 1;
    if (this.#unpacking === 0) this.#onEnd();
  }

  /** Ends it for good, because a layer is needed that has been stored. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}
