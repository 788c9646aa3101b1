/** What package sources remember, shared by all instances: facts by kind and key. A lost fact can be found out again. */
export interface SourceLedger {
  /** The facts of a kind among `keys`, by key. */
  findFacts(kind: string, keys: readonly string[]): Promise<ReadonlyMap<string, string>>;

  /** Records facts, all or none. The first fact of a key stays. */
  addFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void>;

  /** Records facts in place of those that the keys have, all or none. */
  putFacts(kind: string, facts: ReadonlyMap<string, string>): Promise<void>;

  /** Forgets the facts of a kind that were written before a time. */
  forgetFacts(kind: string, writtenBefore: Date): Promise<void>;
}
