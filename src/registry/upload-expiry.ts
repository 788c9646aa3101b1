import type { Logger } from "../log.ts";
import type { Uploads } from "./uploads.ts";

/** How often to look for expired sessions, in milliseconds. */
const INTERVAL_MS = 3_600_000;

/** Drops upload sessions older than `expirySeconds`, now and every hour, until disposed of. */
export function startUploadExpiry(uploads: Uploads, expirySeconds: number, log: Logger): Disposable {
  const failed = (error: unknown) => log.error({ err: error }, "could not drop expired uploads");
  const purge = () =>
    uploads.purge(new Date(Date.now() - expirySeconds * 1000), failed).then((purged) => {
      if (purged > 0) log.info({ purged }, "dropped expired uploads");
    }, failed);
  void purge();
  const timer = setInterval(purge, INTERVAL_MS);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
