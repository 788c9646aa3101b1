import type { Logger } from "../log.ts";
import type { Job } from "./job.ts";
import { countLeftovers, type LeftoverParts, type Leftovers } from "./leftovers.ts";

/** How often leftovers are counted, in milliseconds. */
const INTERVAL_MS = 24 * 3_600_000;
/** Anything that changed in the last hour may belong to a running request. */
const QUIET_MS = 3_600_000;

/**
 * Counts leftovers at the start and every day, and logs one line if there are any.
 *
 * The first count includes everything older than the start: earlier processes left that.
 */
export function leftoverReport(parts: LeftoverParts, expirySeconds: number, log: Logger): Job {
  let quietMs = 0;
  return {
    name: "leftover-report",
    scope: "instance",
    everyMs: INTERVAL_MS,
    failureMessage: "could not count leftovers",
    async run(signal) {
      const now = Date.now();
      const bounds = {
        unchangedSince: new Date(now - quietMs),
        sessionsExpireBefore: new Date(now - expirySeconds * 1000),
      };
      quietMs = QUIET_MS;
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
