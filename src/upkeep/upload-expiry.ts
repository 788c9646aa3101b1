import type { Logger } from "../log.ts";
import type { Uploads } from "../registry/uploads.ts";
import type { Job } from "./job.ts";

/** How often to look for expired sessions, in milliseconds. */
const INTERVAL_MS = 3_600_000;

const FAILURE = "could not drop expired uploads";

/** Drops upload sessions that have not changed for `expirySeconds`, at the start and every hour. */
export function uploadExpiry(uploads: Uploads, expirySeconds: number, log: Logger): Job {
  return {
    name: "upload-expiry",
    scope: "registry",
    everyMs: INTERVAL_MS,
    failureMessage: FAILURE,
    async run(signal) {
      const startedBefore = new Date(Date.now() - expirySeconds * 1000);
      const purged = await uploads.purge(startedBefore, (err) => log.error({ err }, FAILURE), signal);
      if (purged > 0) log.info({ purged }, "dropped expired uploads");
    },
  };
}
