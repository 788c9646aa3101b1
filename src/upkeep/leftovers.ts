import type { ContentListing } from "../content/blob-services.ts";
import type { ContentLedger } from "../metadata/ports/blob-ledger.ts";

/** Entries to look up at a time. */
const BATCH = 128;
/** Pause between two batches in milliseconds, so that counting takes a small share of the disk and the database. */
const PAUSE_MS = 20;
/** Maximum blobs to check in one count; with more, the count is a lower bound. */
const MAX_BLOBS = 1_000_000;

/** A number of things, and their total bytes. */
export interface Tally {
  readonly count: number;
  readonly bytes: number;
}

/** Stored content that is not in use. */
export interface Leftovers {
  /** Blobs without a record: a process died, or an upload was cancelled, after storing and before recording them. */
  readonly blobs: Tally;
  /** Uploads without a session: a process died while it opened or dropped them, or during a single POST. */
  readonly uploads: Tally;
  /** Expired sessions that were not dropped yet. */
  readonly expiredSessions: number;
  /** False if there are more blobs than one count checks. */
  readonly isComplete: boolean;
}

/** The services that find leftovers. */
export interface LeftoverParts {
  readonly content: ContentListing;
  readonly ledger: ContentLedger;
}

/** What to count. */
export interface LeftoverBounds {
  /** Blobs and uploads that changed later may belong to a running request, so they are not counted. */
  readonly unchangedSince: Date;
  /** Sessions started before this have expired. */
  readonly sessionsExpireBefore: Date;
}

/** Anything that changed in the last hour may belong to a running request, in milliseconds. */
const QUIET_MS = 3_600_000;

/** What to count while a server may be running: only what has not changed for `quietMs`. */
export function quietBounds(expirySeconds: number, quietMs = QUIET_MS): LeftoverBounds {
  const now = Date.now();
  return {
    unchangedSince: new Date(now - quietMs),
    sessionsExpireBefore: new Date(now - expirySeconds * 1000),
  };
}

/**
 * Counts stored content that is not in use. Removes nothing. Slow on purpose: 5,000 blobs per second.
 *
 * @throws the signal's reason if it is aborted
 */
export async function countLeftovers(
  { content, ledger }: LeftoverParts,
  { unchangedSince, sessionsExpireBefore }: LeftoverBounds,
  signal: AbortSignal,
): Promise<Leftovers> {
  const isOld = ({ modifiedAt }: { readonly modifiedAt: Date }) => modifiedAt < unchangedSince;
  const blobs = new Counter();
  let seen = 0;
  for await (const batch of batches(content.listBlobs(), MAX_BLOBS, signal)) {
    seen += batch.length;
    const old = batch.filter(isOld);
    const recorded = await ledger.findBlobs(old.map(({ digest }) => digest));
    for (const { digest, size } of old) if (!recorded.has(digest)) blobs.add(size);
  }
  const uploads = new Counter();
  for await (const batch of batches(content.listUploads(), Number.POSITIVE_INFINITY, signal)) {
    const old = batch.filter(isOld);
    const known = await ledger.findUploads(old.map(({ id }) => id));
    for (const { id, size } of old) if (!known.has(id)) uploads.add(size);
  }
  const expiredSessions = await ledger.countUploads(sessionsExpireBefore);
  return { blobs: blobs.tally, uploads: uploads.tally, expiredSessions, isComplete: seen < MAX_BLOBS };
}

class Counter {
  #count = 0;
  #bytes = 0;

  add(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }

  get tally(): Tally {
    return { count: this.#count, bytes: this.#bytes };
  }
}

/** The entries in batches, with a pause after each; at most `max` entries. */
async function* batches<Entry>(
  entries: AsyncIterable<Entry>,
  max: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Entry[]> {
  let batch: Entry[] = [];
  let seen = 0;
  for await (const entry of entries) {
    signal.throwIfAborted();
    batch.push(entry);
    seen += 1;
    if (batch.length < BATCH && seen < max) continue;
    yield batch;
    batch = [];
    if (seen >= max) return;
    await Bun.sleep(PAUSE_MS);
  }
  if (batch.length > 0) yield batch;
}
