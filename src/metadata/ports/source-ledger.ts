/** Facts that package sources remember, by kind and key. All instances share them. A lost fact can be found again. */
export interface SourceLedger {
  /** The facts of a kind among `keys`, by key. */
  findFacts(kind: string, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** Records facts, all or none. Keeps existing facts of the same keys. */
  addFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void>;

  /** Records facts, all or none. They replace existing facts of the same keys. */
  putFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void>;

  /** Forgets the facts of a kind that were written before a time. */
  forgetFacts(kind: string, writtenBefore: Date): Promise<void>;
}
