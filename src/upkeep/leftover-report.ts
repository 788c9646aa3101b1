import type { Logger } from "../log.ts";
import type { Job } from "./job.ts";
import { countLeftovers, type LeftoverParts, type Leftovers, quietBounds } from "./leftovers.ts";

/** How often leftovers are counted, in milliseconds. */
const INTERVAL_MS = 24 * 3_600_000;

/**
 * Counts leftovers at the start and every day, and logs one line if there are any.
 *
 * The first count includes everything older than the start: earlier processes left that.
 */
export function leftoverReport(parts: LeftoverParts, expirySeconds: number, log: Logger): Job {
  let isFirst = true;
  return {
    name: "leftover-report",
    scope: "instance",
    everyMs: INTERVAL_MS,
    failureMessage: "could not count leftovers",
    async run(signal) {
      const bounds = isFirst ? quietBounds(expirySeconds, 0) : quietBounds(expirySeconds);
      isFirst = false;
      report(await countLeftovers(parts, bounds, signal), log);
    },
  };
}

function report(leftovers: Leftovers, log: Logger): void {
  const { blobs, uploads, expiredSessions } = leftovers;
  if (blobs.count + uploads.count + expiredSessions === 0) {
    log.debug("no leftovers of interrupted uploads");
  } else {
    log.info(leftovers, "leftovers of interrupted uploads");
  }
}
