import { Random } from "../../../support/random.ts";
import { RegistryClient } from "../../../support/registry-client.ts";
import type { ServerProcess } from "../../../support/server-process.ts";
import { conditionsScenario } from "./conditions.ts";
import { listingsScenario } from "./listings.ts";
import { oddManifestsScenario } from "./odd-manifests.ts";
import { rangesScenario } from "./ranges.ts";
import type { Scenario } from "./scenario.ts";
import { slowClientsScenario } from "./slow-clients.ts";

/** Marks an error in the server's log. */
const LOGGED_ERROR = '"level":50';

const SCENARIOS: readonly Scenario[] = [
  slowClientsScenario,
  listingsScenario,
  rangesScenario,
  conditionsScenario,
  oddManifestsScenario,
];

/** Names of all scenarios, for the usage text. */
export const SCENARIO_NAMES: readonly string[] = SCENARIOS.map(({ name }) => name);

/** When to stop, and what to repeat. */
export interface ScenarioOptions {
  readonly seed: number;
  /** When the run must be over, on the clock of `performance.now()`. */
  readonly endAt: number;
  /** Runs only this round, however long it takes. */
  readonly only?: number | undefined;
}

/** What the rounds found. */
export interface ScenariosReport {
  /** Finished rounds of each scenario, by its name. */
  readonly rounds: Readonly<Record<string, number>>;
  /** Number of the round that was cut off at the end of the run. */
  readonly unfinished?: number;
  readonly problems: readonly string[];
}

/**
 * Runs rounds of all scenarios in turn until the time is up or a round finds a problem. A round depends only on the
 * seed and its number, so `only` repeats it. Skips a scenario whose last round took longer than the time left.
 */
export async function runScenarios(
  server: ServerProcess,
  { seed, endAt, only }: ScenarioOptions,
): Promise<ScenariosReport> {
  const rounds = Object.fromEntries(SCENARIOS.map(({ name }) => [name, 0]));
  const lastTookMs = new Map<Scenario, number>();
  const fits = (scenario: Scenario) => performance.now() + (lastTookMs.get(scenario) ?? 0) < endAt;
  for (let number = only ?? 0; only !== undefined || SCENARIOS.some(fits); number++) {
    const scenario = SCENARIOS[number % SCENARIOS.length] as Scenario;
    if (only === undefined && !fits(scenario)) continue;
    const startedAt = performance.now();
    const found = await before(
      only === undefined ? endAt : undefined,
      runRound(server, scenario, seed, number),
    );
    if (found === undefined) return { rounds, unfinished: number, problems: [] };
    lastTookMs.set(scenario, performance.now() - startedAt);
    rounds[scenario.name] = (rounds[scenario.name] ?? 0) + 1;
    if (found.length > 0 || only !== undefined)
      return { rounds, problems: found.map((problem) => `round ${number}, ${scenario.name}: ${problem}`) };
  }
  return { rounds, problems: [] };
}

async function runRound(
  server: ServerProcess,
  scenario: Scenario,
  seed: number,
  number: number,
): Promise<readonly string[]> {
  const found = await scenario.run({
    url: server.url,
    client: new RegistryClient(server),
    random: new Random(seed + number),
    repository: `scenarios/round-${number}`,
  });
  return server.output().includes(LOGGED_ERROR) ? [...found, server.output().slice(-2000)] : found;
}

/** The result of `work`; `undefined` if it does not end by `endAt`. Then a later failure is ignored. */
async function before<Value>(endAt: number | undefined, work: Promise<Value>): Promise<Value | undefined> {
  if (endAt === undefined) return await work;
  const timeUp = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => timeUp.resolve(undefined), endAt - performance.now());
  try {
    return await Promise.race([work, timeUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}
