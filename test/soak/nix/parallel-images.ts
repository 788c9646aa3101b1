import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { figure } from "../figures.ts";
import { NixServer, removeData } from "./nix-server.ts";

/** Of about the same size, with common parts and parts of their own. */
const IMAGES = [["git"], ["curl"], ["shell", "jq"], ["file", "gawk", "less"]];
const MOST_TIMES = 1.5;

/**
 * Four different images at once from an empty store, as a multiple of one image with the packages of all four. Repeats
 * this while there is time.
 */
export async function measureParallelImages(
  folder: string,
  set: string,
  seconds: number,
  checks: Checks,
): Promise<void> {
  const ratios: number[] = [];
  const endAt = performance.now() + seconds * 1000;
  do {
    const whole = await secondsFor(folder, set, [IMAGES.flat().toSorted(shellFirst)], checks);
    const parallel = await secondsFor(folder, set, IMAGES, checks);
    ratios.push(parallel / whole);
    figure(
      `run ${ratios.length}: one image, four at once`,
      `${whole.toFixed(1)} s, ${parallel.toFixed(1)} s`,
    );
  } while (performance.now() < endAt);
  const ratio = ratios.toSorted((one, other) => one - other)[Math.floor(ratios.length / 2)] ?? Number.NaN;
  figure("four images at once, times one image", ratio.toFixed(2));
  checks.check(
    ratio < MOST_TIMES,
    () => `four images took ${ratio.toFixed(2)} times as long as one with all`,
  );
}

/** `shell` means its four packages only in front. */
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
