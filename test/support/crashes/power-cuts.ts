import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Random } from "../random.ts";
import { StateChecker } from "./check-state.ts";
import type { CallEvent } from "./disk-calls.ts";
import { DiskModel, type DiskModelOptions } from "./disk-model.ts";
import { CUT_MODES, type CutMode, drawSurvivors, StateWriter } from "./disk-states.ts";
import { DATA, type Recording } from "./recording.ts";

/** A power cut: after which event of the recording, what survives, and the seed of its choices. */
export interface PowerCut {
  readonly event: number;
  readonly mode: CutMode;
  readonly seed: number;
}

/** A power cut that lost or damaged something. */
export interface BadState {
  /** `EVENT:MODE:SEED`, which {@link parseCut} reads. */
  readonly name: string;
  readonly problems: readonly string[];
}

/** The result of {@link tryPowerCuts}. */
export interface PowerCutResult {
  readonly states: number;
  readonly bad: readonly BadState[];
  readonly unknownCalls: readonly string[];
}

/** Reads the name of a state. */
export function parseCut(name: string): PowerCut {
  const [event = "", mode = "", seed = ""] = name.split(":");
  if (!CUT_MODES.includes(mode as CutMode)) throw new Error(`${name} is not EVENT:MODE:SEED`);
  return { event: Number(event), mode: mode as CutMode, seed: Number(seed) };
}

/** Draws power cuts, most of them where something is about to be acknowledged or to become safe. */
export function drawCuts({ events, history }: Recording, count: number, seed: number): readonly PowerCut[] {
  const random = new Random(seed);
  const acknowledgements = history.acknowledgements();
  const weights = events.map((event, index) => weightOf(event, events[index + 1], acknowledgements));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const cuts = Array.from({ length: count }, (): PowerCut => {
    let rest = random.below(total);
    const event = weights.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
    return { event, mode: random.pick(CUT_MODES), seed: random.below(2 ** 31) };
  });
  return cuts.toSorted((one, other) => one.event - other.event);
}

function weightOf(
  { call, position }: CallEvent,
  next: CallEvent | undefined,
  acknowledgements: readonly number[],
): number {
  if (acknowledgements.some((at) => at >= position && at < (next?.position ?? Number.POSITIVE_INFINITY)))
    return 6;
  if (call.name.endsWith("sync")) return 4;
  return /^(?:rename|mkdir|unlink|rmdir|openat)/.test(call.name) ? 3 : 1;
}

/** Makes what each power cut leaves, in ascending order of events, and checks it. */
export async function tryPowerCuts(
  recording: Recording,
  cuts: readonly PowerCut[],
  folder: string,
  options: DiskModelOptions = {},
): Promise<PowerCutResult> {
  const model = new DiskModel(recording.disk, options);
  const writer = new StateWriter(join(folder, "pool"), (path) => path.includes("/content/docker/"));
  const checker = new StateChecker(recording.history);
  const bad: BadState[] = [];
  let next = 0;
  for (const [index, event] of recording.events.entries()) {
    model.apply(event);
    for (let cut = cuts[next]; cut !== undefined && cut.event === index; cut = cuts[++next]) {
      const state = join(folder, "state");
      await writer.write(model, drawSurvivors(model, cut.mode, new Random(cut.seed)), state);
      const problems = await checker.problems(join(state, DATA), event.position);
      if (problems.length > 0) bad.push({ name: `${cut.event}:${cut.mode}:${cut.seed}`, problems });
    }
  }
  await rm(join(folder, "state"), { recursive: true, force: true });
  return { states: cuts.length, bad, unknownCalls: [...model.unknownCalls] };
}
