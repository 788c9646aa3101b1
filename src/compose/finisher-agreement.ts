import type { Logger } from "../log.ts";
import type { SourceLedger } from "../metadata/ports/source-ledger.ts";

const KIND = "apt";
const KEY = "finisher";

/**
 * Compares how this instance finishes Debian images with how the one that started last does, and warns if they differ:
 * the images of a cluster then change to and fro. Records this instance's way. Never fails: the instance works either
 * way.
 *
 * @param own what this instance does, in words
 */
export async function checkFinisherAgreement(
  ledger: Pick<SourceLedger, "findFacts" | "putFacts">,
  own: string,
  log: Logger,
): Promise<void> {
  try {
    const other = (await ledger.findFacts(KIND, [KEY])).get(KEY);
    if (other === own) return;
    if (other !== undefined)
      log.warn(
        { here: own, lastStarted: other },
        "debian images are finished otherwise here than by the instance that started last, so they change to and fro; builder.apt.configure and the hosts of all instances should agree",
      );
    await ledger.putFacts(KIND, new Map([[KEY, own]]));
  } catch (err) {
    log.warn({ err }, "cannot compare how this instance finishes debian images with the others");
  }
}
