import type { PackageIndex } from "../builder/package-index.ts";
import type { PackageSource } from "../builder/package-source.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import type { Logger } from "../log.ts";
import type { Job } from "./job.ts";

/** Time from the start to the first check, in milliseconds, so that the first requests do not wait for it. */
const FIRST_CHECK_MS = 5_000;
/** Time between two checks of a source, in milliseconds. */
const CHECK_AGAIN_MS = 10 * 60_000;
/** Maximum pause between two tries of a failing source, in milliseconds. */
const MAX_PAUSE_MS = 24 * 3_600_000;

/**
 * Keeps the index of each source up to date.
 *
 * One source is indexed at a time. It downloads no package lists: it uses those that builds have downloaded.
 */
export function packageIndexing(index: PackageIndex, log: Logger): readonly Job[] {
  const turns = new Semaphore({ places: 1 });
  return index.sources.map((source) => ({
    name: `package-index/${source.name}`,
    // The index locks what it writes, as `slipway search` updates it too.
    scope: "instance",
    firstAfterMs: FIRST_CHECK_MS,
    everyMs: CHECK_AGAIN_MS,
    maxPauseMs: MAX_PAUSE_MS,
    failureMessage: "indexing packages failed; searches use the previous index",
    run: (signal) => turns.run(() => update(index, source, signal, log), signal),
  }));
}

async function update(
  index: PackageIndex,
  source: PackageSource,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  if (!(await source.available()).available) return;
  const { name } = source;
  const updated = await index.update(name, { signal, refresh: false });
  if (updated.outcome === "written") {
    log.info({ source: name, packages: updated.packageCount }, "packages indexed for searches");
  }
}
