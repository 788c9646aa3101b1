// The load generator, a separate process: pushes the content for the patterns, then runs patterns.
import { setPriority } from "node:os";
import { Random } from "../../support/random.ts";
import type { Pattern } from "./pattern.ts";
import { allPatterns } from "./patterns.ts";
import { Stage } from "./stage.ts";
import { Tally } from "./tally.ts";
import { serveMessages } from "./worker-process.ts";

/** A message to the load generator. */
export interface LoadRequest {
  readonly task: "prepare" | "run";
  readonly url: string;
  /** Names of the patterns. */
  readonly names: readonly string[];
  readonly seed: number;
  /** How long the whole mix lasts. */
  readonly seconds: number;
  /** How long this run lasts. */
  readonly milliseconds: number;
  readonly pace: number;
}

/** How often each pattern got each answer. */
export type LoadReply = Readonly<Record<string, Readonly<Record<string, number>>>>;

const PATTERNS = new Map(allPatterns().map((pattern) => [pattern.name, pattern]));

/** Priority of this process, lower than that of server and probe, as if the load came from other machines. */
const NICENESS = 10;

/** About how long a pattern waits before it begins, in milliseconds; multiplied by the pace. */
const START_MS = 1000;

async function answer(request: LoadRequest): Promise<LoadReply> {
  const ending = new AbortController();
  const tallies = new Map(request.names.map((name) => [name, new Tally()]));
  const stageOf = (name: string) =>
    new Stage({
      url: request.url,
      random: new Random(request.seed ^ Bun.hash.crc32(name)),
      signal: ending.signal,
      tally: tallies.get(name) as Tally,
      pace: request.pace,
      seconds: request.seconds,
    });
  const patterns = request.names.map((name) => PATTERNS.get(name) as Pattern);
  if (request.task === "prepare") {
    for (const pattern of patterns) await pattern.prepare(stageOf(pattern.name));
  } else {
    const timer = setTimeout(() => ending.abort(), request.milliseconds);
    await Promise.all(patterns.map((pattern) => start(pattern, stageOf(pattern.name)))).finally(() =>
      ending.abort(),
    );
    clearTimeout(timer);
  }
  return Object.fromEntries([...tallies].map(([name, tally]) => [name, tally.counts]));
}

/** Starts a pattern after a random time, so that patterns do not all begin at the same moment. */
async function start(pattern: Pattern, stage: Stage): Promise<void> {
  await stage.rest(START_MS);
  await pattern.run(stage);
}

setPriority(NICENESS);
serveMessages(answer);
