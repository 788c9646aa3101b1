import { readFile, stat } from "node:fs/promises";
import type { Logger } from "../../log.ts";
import type { LayerPlan } from "./layer-plan.ts";
import { nixeryPlan } from "./nixery-plan.ts";
import {
  MAX_POPULARITY_BYTES,
  NO_POPULARITY,
  type Popularity,
  PopularityError,
  parsePopularity,
} from "./popularity.ts";
import { sizePlan } from "./size-plan.ts";

/** Which plan to use, and with which data. */
export interface PlanChoice {
  readonly plan: "size" | "nixery";
  /** File or URL of popularity data in Nixery's format, or `set` for that of the source's own packages. */
  readonly popularity?: string | undefined;
}

const FETCH_TIMEOUT_MS = 30_000;

/**
 * The chosen plan with its popularity data. If a server does not send the data, logs that and uses the plan without it.
 * An image's lock records which data was used.
 *
 * @throws {PopularityError} if a file cannot be read or is not popularity data
 */
export async function openChosenPlan({ plan, popularity }: PlanChoice, log: Logger): Promise<LayerPlan> {
  if (plan === "size") return sizePlan;
  if (popularity === undefined) return nixeryPlan(NO_POPULARITY);
  if (popularity === "set") return { ...nixeryPlan(NO_POPULARITY), withPopularity: nixeryPlan };
  if (!/^https?:\/\//.test(popularity)) return nixeryPlan(await readPopularity(popularity));
  try {
    return nixeryPlan(await fetchPopularity(popularity));
  } catch (error) {
    log.warn({ err: error }, "no popularity data; grouping layers without it");
    return nixeryPlan(NO_POPULARITY);
  }
}

async function readPopularity(file: string): Promise<Popularity> {
  try {
    if ((await stat(file)).size > MAX_POPULARITY_BYTES) throw tooLarge();
    return parsePopularity(await readFile(file, "utf8"));
  } catch (cause) {
    const reason = cause instanceof PopularityError ? cause.message : "it cannot be read";
    throw new PopularityError(`builder.popularity: ${file}: ${reason}`, { cause });
  }
}

async function fetchPopularity(url: string): Promise<Popularity> {
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok) throw new PopularityError(`the server answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_POPULARITY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return parsePopularity(Buffer.concat(chunks).toString("utf8"));
}

function tooLarge(): PopularityError {
  return new PopularityError(`popularity data has more than ${MAX_POPULARITY_BYTES} bytes`);
}
