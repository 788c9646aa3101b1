import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { figure } from "../figures.ts";
import { NixServer, removeData } from "./nix-server.ts";

/** Images of about the same size, with common parts and parts that only one has. */
const IMAGES = [["git"], ["curl"], ["shell", "jq"], ["file", "gawk", "less"]];
const MOST_TIMES = 1.5;
const LEAST_RUNS = 3;

/**
 * Measures the time of four different images at once from an empty store, as a multiple of the time of one image with
 * the packages of all four. Repeats this while there is time. The quickest of each counts, because other work on the
 * machine can only add to the time.
 */
export async function measureParallelImages(
  folder: string,
  set: string,
  seconds: number,
  checks: Checks,
): Promise<void> {
  const [wholes, parallels]: [number[], number[]] = [[], []];
  const endAt = performance.now() + seconds * 1000;
  while (wholes.length < LEAST_RUNS || performance.now() < endAt) {
    wholes.push(await secondsFor(folder, set, [IMAGES.flat().toSorted(shellFirst)], checks));
    parallels.push(await secondsFor(folder, set, IMAGES, checks));
  }
  const ratio = Math.min(...parallels) / Math.min(...wholes);
  figure("one image from nothing", range(wholes));
  figure("four images from nothing at once", range(parallels));
  figure("four images at once, times one image", ratio.toFixed(2));
  checks.check(
    ratio < MOST_TIMES,
    () => `four images took ${ratio.toFixed(2)} times as long as one with all`,
  );
}

function range(seconds: readonly number[]): string {
  return `${Math.min(...seconds).toFixed(1)} to ${Math.max(...seconds).toFixed(1)} s`;
}

/** Sorts `shell` first, because only there it means its four packages. */
function shellFirst(one: string, other: string): number {
  return Number(other === "shell") - Number(one === "shell");
}

async function secondsFor(
  folder: string,
  set: string,
  images: readonly (readonly string[])[],
  checks: Checks,
): Promise<number> {
  const data = join(folder, "parallel");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeData(data));
  const server = stack.use(await NixServer.start(data, set));
  const startedAt = performance.now();
  const pulls = await Promise.all(images.map((image) => server.pull(image)));
  const seconds = (performance.now() - startedAt) / 1000;
  for (const { status, body } of pulls)
    checks.check(status === 200, () => `a pull was answered ${status}: ${body}`);
  return seconds;
}
