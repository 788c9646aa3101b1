import { readFileSync } from "node:fs";
import type { SourceLedger } from "../../../metadata/ports/source-ledger.ts";
import { digestOf } from "../../../oci/digest.ts";
import { type EvaluatedPackage, type EvaluationRequest, EXPRESSION } from "./evaluation.ts";

const ANSWERS = "nix/answer";
/** How long an answer is kept, in milliseconds. */
const KEPT_MS = 90 * 86_400_000;

/** Remembered results of evaluations, so that an unchanged set is not evaluated again for the same names. */
export class EvaluatedPackages {
  readonly #ledger: SourceLedger;
  readonly #expression = digestOf(readFileSync(EXPRESSION));

  constructor(ledger: SourceLedger) {
    this.#ledger = ledger;
  }

  /** The result of an equal request, if it is remembered. */
  async find(request: AnsweredRequest): Promise<readonly EvaluatedPackage[] | undefined> {
    const key = this.#key(request);
    const text = (await this.#ledger.findFacts(ANSWERS, [key])).get(key);
    return text === undefined ? undefined : (JSON.parse(text) as readonly EvaluatedPackage[]);
  }

  /** Keeps an answer, and forgets old ones. */
  async keep(request: AnsweredRequest, packages: readonly EvaluatedPackage[]): Promise<void> {
    await this.#ledger.putFacts(ANSWERS, new Map([[this.#key(request), JSON.stringify(packages)]]));
    await this.#ledger.forgetFacts(ANSWERS, new Date(Date.now() - KEPT_MS));
  }

  #key({ narHash, system, arguments: others, names }: AnsweredRequest): string {
    return digestOf(JSON.stringify([this.#expression, narHash, system, others, names]));
  }
}

/** Everything that an evaluation depends on. The set is known by its content instead of its place. */
export interface AnsweredRequest extends Omit<EvaluationRequest, "source"> {
  /** Hash of the set, in hex. */
  readonly narHash: string;
}
