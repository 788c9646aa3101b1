import { manifestSeconds } from "../manifest-seconds.ts";
import type { Samples } from "../samples.ts";
import type { Contender, RunningContender } from "./contender.ts";

/** The measures. Each is the time until the last byte of a manifest, in seconds. */
export const BUILDER_MEASURES = {
  cold: "nothing built",
  layers: "packages built, no layers",
  newName: "new name over cached layers",
  warm: "same name again",
  pinned: "same name again, tag is a commit",
} as const;

/** The image that is built from nothing. */
export const IMAGE = "shell/git/curl/jq";
/** Images of other subsets of its packages, which nobody has requested before. */
const SUBSETS = ["shell/git/jq", "git/curl", "shell/curl", "bash/jq"];
const WARM_UP = 5;
const WARM_PULLS = 40;

/** Measures one contender once, starting from nothing. */
export async function measureContender(contender: Contender, samples: Samples): Promise<void> {
  const { cold, layers, newName, warm } = BUILDER_MEASURES;
  const add = (measure: string, seconds: number) => samples.add(measure, contender.name, seconds);
  await using stack = new AsyncDisposableStack();
  const first = stack.use(await contender.start("nothing"));
  add(cold, await secondsToManifest(first, IMAGE));
  await stack.disposeAsync();
  await using running = await contender.start("packages");
  add(layers, await secondsToManifest(running, IMAGE));
  for (const image of SUBSETS) add(newName, await secondsToManifest(running, image));
  for (const seconds of await warmPulls(running)) add(warm, seconds);
}

/** Measures pulls of an image whose tag is a commit. */
export async function measurePinned(contender: Contender, samples: Samples): Promise<void> {
  await using running = await contender.startPinned();
  for (const seconds of await warmPulls(running))
    samples.add(BUILDER_MEASURES.pinned, contender.name, seconds);
}

async function warmPulls(running: RunningContender): Promise<readonly number[]> {
  for (let pull = 0; pull < WARM_UP; pull += 1) await secondsToManifest(running, IMAGE);
  const pulls: number[] = [];
  for (let pull = 0; pull < WARM_PULLS; pull += 1) pulls.push(await secondsToManifest(running, IMAGE));
  return pulls;
}

function secondsToManifest(running: RunningContender, image: string): Promise<number> {
  return manifestSeconds(running.manifestUrl(image));
}
