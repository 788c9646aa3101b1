import { join } from "node:path";
import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import { digestOf } from "../../../oci/digest.ts";
import { NO_POPULARITY, type Popularity, PopularityError, parsePopularity } from "../../plan/popularity.ts";
import { packagesFailed } from "../nix-failure.ts";
import type { PlacedSet } from "../sets/package-set.ts";
import type { Evaluation, SetRequest } from "./evaluation.ts";

const FACTS = "nix/popularity";
const EXPRESSION = join(import.meta.dir, "popularity.nix");

/** The popularity data of package sets, evaluated once for each set. */
export class SetPopularity {
  readonly #evaluation: Evaluation;
  readonly #ledger: SourceLedger;

  constructor(evaluation: Evaluation, ledger: SourceLedger) {
    this.#evaluation = evaluation;
    this.#ledger = ledger;
  }

  /**
   * The data of a set; empty if it has no attribute `popularity`.
   *
   * @param narHash the hash of the set
   * @param place puts the set into the store; called only if it must be evaluated
   * @throws {RegistryError} `build-failed` if the attribute cannot be evaluated or is not popularity data
   */
  async of(
    set: Omit<SetRequest, "source"> & { readonly narHash: string },
    place: () => Promise<PlacedSet>,
    signal: AbortSignal,
  ): Promise<Popularity> {
    const { narHash, system, arguments: others } = set;
    const key = digestOf(JSON.stringify([narHash, system, others]));
    let text = (await this.#ledger.findFacts(FACTS, [key])).get(key);
    if (text === undefined) {
      await using placed = await place();
      const source = placed.state.path;
      text = await this.#evaluation.evaluateSet(EXPRESSION, { source, system, arguments: others }, signal);
      await this.#ledger.addFacts(FACTS, new Map([[key, text]]));
    }
    if (text.trim() === "null") return NO_POPULARITY;
    try {
      return parsePopularity(text);
    } catch (cause) {
      if (!(cause instanceof PopularityError)) throw cause;
      throw packagesFailed(new Map([["popularity", cause.message]]));
    }
  }
}
