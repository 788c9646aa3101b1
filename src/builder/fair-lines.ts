/** Waiting items in one line per caller. Callers take turns, and each caller's items stay in order. */
export class FairLines<Item> {
  /** In the order of turns: the first caller is next. No line is empty. */
  readonly #lines = new Map<string, Item[]>();
  #size = 0;

  /** Number of items in all lines. */
  get size(): number {
    return this.#size;
  }

  lengthOf(caller: string): number {
    return this.#lines.get(caller)?.length ?? 0;
  }

  /** Adds an item to the end of the caller's line. A new caller's turn comes after all others. */
  add(caller: string, item: Item): void {
    const line = this.#lines.get(caller);
    if (line === undefined) this.#lines.set(caller, [item]);
    else line.push(item);
    this.#size += 1;
  }

  /** Removes an item from the caller's line, if it is there. The caller keeps its turn. */
  remove(caller: string, item: Item): void {
    const line = this.#lines.get(caller) ?? [];
    const place = line.indexOf(item);
    if (place < 0) return;
    line.splice(place, 1);
    this.#size -= 1;
    if (line.length === 0) this.#lines.delete(caller);
  }

  /** Removes and returns the first item of the caller whose turn it is. */
  next(): Item | undefined {
    for (const [caller, line] of this.#lines) {
      this.#lines.delete(caller);
      this.#size -= 1;
      const item = line.shift();
      if (line.length > 0) this.#lines.set(caller, line);
      return item;
    }
    return undefined;
  }

  /** The caller with the longest line, and the newest item in it. */
  longest(): { readonly caller: string; readonly newest: Item; readonly length: number } | undefined {
    let found: { readonly caller: string; readonly newest: Item; readonly length: number } | undefined;
    for (const [caller, line] of this.#lines) {
      const { length } = line;
      if (length > (found?.length ?? 0)) found = { caller, newest: line[length - 1] as Item, length };
    }
    return found;
  }
}
