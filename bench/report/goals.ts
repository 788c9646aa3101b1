import { DOWNLOAD_CPU } from "../measures/download.ts";
import { DURABLE_WRITE_ALONE, PUSH, SHA256_ALONE } from "../measures/push.ts";
import { REQUEST_MEASURES } from "../measures/requests.ts";
import { UPLOAD_MEMORY } from "../measures/upload-memory.ts";
import type { Samples } from "../samples.ts";
import { DISTRIBUTION_V3 } from "../servers/available-servers.ts";

const SLIPWAY = "Slipway";

/** One goal, and how far it is met. */
export interface GoalOutcome {
  readonly what: string;
  readonly goal: string;
  readonly measured: number | undefined;
  readonly isMet: boolean | undefined;
}

/** The goals of the hot path, with the measured values. */
export function goalOutcomes(samples: Samples): readonly GoalOutcome[] {
  const { manifestByTag, smallBlob } = REQUEST_MEASURES;
  const rates = [
    [manifestByTag, "nginx", 0.5],
    [manifestByTag, DISTRIBUTION_V3, 8],
    [smallBlob, "nginx", 0.35],
    [smallBlob, DISTRIBUTION_V3, 15],
  ] as const;
  const floor = Math.max(
    samples.median(PUSH, SHA256_ALONE) ?? Number.NaN,
    samples.median(PUSH, DURABLE_WRITE_ALONE) ?? Number.NaN,
  );
  const push = (samples.median(PUSH, SLIPWAY) ?? Number.NaN) / floor;
  return [
    ...rates.map(([measure, peer, goal]) =>
      atLeast(`${measure}, times ${peer}`, samples.ratio(measure, SLIPWAY, peer), goal),
    ),
    atMost(`${DOWNLOAD_CPU}, times nginx`, samples.ratio(DOWNLOAD_CPU, SLIPWAY, "nginx"), 1.3),
    atMost("large blob push, times the larger of SHA-256 alone and durable write alone", push, 1.5),
    atMost(UPLOAD_MEMORY, samples.median(UPLOAD_MEMORY, SLIPWAY), 256),
  ];
}

function atLeast(what: string, measured: number | undefined, goal: number): GoalOutcome {
  return {
    what,
    goal: `at least ${goal}`,
    measured,
    isMet: measured === undefined ? undefined : measured >= goal,
  };
}

function atMost(what: string, measured: number | undefined, goal: number): GoalOutcome {
  return {
    what,
    goal: `at most ${goal}`,
    measured,
    isMet: measured === undefined ? undefined : measured <= goal,
  };
}
