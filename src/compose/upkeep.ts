import type { PackageIndex } from "../builder/package-index.ts";
import { SYSTEM_CLOCK } from "../clock.ts";
import type { WorkLocks } from "../concurrency/work-locks.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";
import type { Uploads } from "../registry/uploads.ts";
import { leftoverReport } from "../upkeep/leftover-report.ts";
import type { LeftoverParts } from "../upkeep/leftovers.ts";
import { packageIndexing } from "../upkeep/package-indexing.ts";
import { Upkeep } from "../upkeep/upkeep.ts";
import { uploadExpiry } from "../upkeep/upload-expiry.ts";

/** The parts that the background jobs work on. */
interface Kept extends LeftoverParts {
  readonly uploads: Uploads;
  readonly packageIndex: PackageIndex | undefined;
  readonly locks: WorkLocks;
}

/** Starts the background jobs; the caller disposes of them. */
export function startUpkeep(
  { registry: { uploadExpirySeconds } }: Config,
  { uploads, packageIndex, locks, ...stored }: Kept,
  log: Logger,
): Upkeep {
  const registryLog = log.child({ area: "registry" });
  const upkeep = new Upkeep({ locks, clock: SYSTEM_CLOCK, log: log.child({ area: "upkeep" }) });
  upkeep.start(uploadExpiry(uploads, uploadExpirySeconds, registryLog));
  upkeep.start(leftoverReport(stored, uploadExpirySeconds, registryLog));
  for (const job of packageIndex ? packageIndexing(packageIndex, log.child({ area: "builder" })) : [])
    upkeep.start(job);
  return upkeep;
}
