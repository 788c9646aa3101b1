import { readBegin } from "../../../archive/read-begin.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { KeySearch } from "./key-search.ts";
import { SEARCHED_KEY_BYTES } from "./private-key.ts";
import { SecretValues } from "./secret-values.ts";

/** What must not be shipped. */
export interface FoundSecrets {
  /** Paths of keys, as {@link KeySearch} found them. */
  readonly keys: ReadonlySet<string>;
  readonly values: SecretValues;
}

/** Finds what must not be shipped among the entries of a stage's outcome. */
export class SecretSearch {
  readonly #keys = new KeySearch();
  readonly #values = new SecretValues();

  /** Looks at an entry. May read its content, or the begin of it. */
  async look(entry: StreamedEntry): Promise<void> {
    const [mayBeKey, mayHoldValues] = [this.#keys.concerns(entry), this.#values.concerns(entry)];
    if (!mayBeKey && !mayHoldValues) return;
    const { path, size, content } = entry;
    const begin = await readBegin(content, mayHoldValues ? size : Math.min(size, SEARCHED_KEY_BYTES));
    if (mayBeKey) this.#keys.look(path, begin);
    if (mayHoldValues) this.#values.find(path, begin);
  }

  /** What was found. */
  found(): FoundSecrets {
    return { keys: this.#keys.found(), values: this.#values };
  }
}
