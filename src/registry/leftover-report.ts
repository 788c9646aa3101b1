import type { Logger } from "../log.ts";
import { countLeftovers, type LeftoverParts, type Leftovers } from "./leftovers.ts";

/** How often leftovers are counted, in milliseconds. */
const INTERVAL_MS = 24 * 3_600_000;
/** Anything that changed in the last hour may belong to a running request. */
const QUIET_MS = 3_600_000;

/**
 * Counts leftovers at startup and every day, and logs one line if there are any, until disposed of.
 *
 * The first count includes everything older than the start: earlier processes left that.
 */
export function startLeftoverReport(parts: LeftoverParts, expirySeconds: number, log: Logger): Disposable {
  const stopped = new AbortController();
  const count = async (quietMs: number) => {
    const now = Date.now();
    const bounds = {
      unchangedSince: new Date(now - quietMs),
      sessionsExpireBefore: new Date(now - expirySeconds * 1000),
    };
    try {
      report(await countLeftovers(parts, bounds, stopped.signal), log);
    } catch (error) {
      if (!stopped.signal.aborted) log.warn({ err: error }, "could not count leftovers");
    }
  };
  void count(0);
  const timer = setInterval(() => void count(QUIET_MS), INTERVAL_MS);
  timer.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      stopped.abort(new Error("the server is stopping"));
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
