import type { Random } from "../../../support/random.ts";
import type { RegistryClient } from "../../../support/registry-client.ts";

/** The input of one round of a scenario. */
export interface ScenarioRound {
  readonly url: string;
  readonly client: RegistryClient;
  /** Makes all choices of the round. */
  readonly random: Random;
  /** A repository that no other round uses. */
  readonly repository: string;
}

/** One kind of behaviour to try again and again, with different content each time. */
export interface Scenario {
  readonly name: string;
  /** Runs one round of a few seconds. Resolves to the problems found. */
  run(round: ScenarioRound): Promise<readonly string[]>;
}
