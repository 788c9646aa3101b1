import type { LayerBelow } from "./package-source.ts";

/**
 * The layers of one build that its derived layers wait for. Where processors are few, compressing them before all have been
 * unpacked would only keep the derived layers waiting.
 */
export class LayerBatch {
  readonly #onEnd: () => void;
  #growing = 0;
  #hasEnded = false;

  /** @param onEnd called when the batch stops growing */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** Whether the archive of a layer is still to come, and nobody needs a layer that is stored. */
  get isGrowing(): boolean {
    return this.#growing > 0 && !this.#hasEnded;
  }

  /** Adds a layer, whose archive has ended or failed when `below` settles. */
  add(below: Promise<LayerBelow>): void {
    this.#growing += 1;
    const settle = () => {
      this.#growing -= 1;
      if (this.#growing === 0) this.#onEnd();
    };
    below.then(settle, settle);
  }

  /** Ends it before all archives are there, because a layer is needed that has been stored. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}
