import type { ByteSource } from "../bytes/byte-source.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Referrer, ReferrerLedger, ReferrerPlace } from "../metadata/ports/referrer-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { referrersTag } from "../oci/referrers-tag.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { Manifests } from "./manifests.ts";
import { MAX_PAGE_BYTES } from "./page.ts";
import { cursorText, type ReferrersCursor } from "./referrers-cursor.ts";
import { KnownReferrersPages, type ReferrersPage } from "./referrers-page.ts";

/**
 * Approximate limit of the entries of one page, in bytes. Some clients read only the first page, and so do not see what
 * comes after it. Others refuse lists of more than 4 MiB.
 */
export const MAX_LIST_BYTES = 3 * 1024 * 1024;
/** Maximum entries of a fallback tag to check for one page, however few of them the repository still has. */
const MAX_CANDIDATES = 2000;
/** Entries to look up before other requests get their turn. */
const CANDIDATE_BATCH = 64;
/** Entries that name the subject to read before other requests get their turn. */
const OWN_BATCH = 500;
/** Maximum pages to assemble at a time. Each takes up to two megabytes. */
const PAGES_AT_ONCE = 8;
/** Approximate memory of an entry whose descriptor is not read yet, in bytes. */
const ENTRY_BYTES = 160;

/** Which of a subject's referrers to list. */
export interface ReferrersQuery {
  readonly artifactType: string | undefined;
  /** Where the page begins; absent for the first page. */
  readonly after: ReferrersCursor | undefined;
  /** Maximum entries of the page, 1 or more. */
  readonly limit: number;
}

/** Collects the entries of a page until it is full. */
class PageEntries {
  readonly entries: Referrer[] = [];
  readonly #limit: number;
  #bytes = 0;
  /** The place of the last entry. */
  #last: ReferrersCursor | undefined;

  constructor({ limit, after }: ReferrersQuery) {
    this.#limit = limit;
    this.#last = after;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Where to go on after this page. */
  get last(): ReferrersCursor | undefined {
    return this.#last;
  }

  /** Adds an entry; false if the page is full. A page has at least one entry, however long. */
  add(referrer: Referrer, place: ReferrersCursor): boolean {
    const bytes = this.#bytes + referrer.descriptorBytes;
    const { length } = this.entries;
    if (length === this.#limit || (length > 0 && bytes > MAX_LIST_BYTES)) return false;
    this.entries.push(referrer);
    this.#bytes = bytes;
    this.#last = place;
    return true;
  }
}

/**
 * The manifests that refer to a subject: those that name it as their subject, in the order of their pushes, and then those
 * that older clients recorded in its fallback tag. So nobody can push a referrer in front of another one. Pages are
 * remembered until the next commit.
 */
export class Referrers {
  readonly #ledger: ReferrerLedger;
  readonly #manifests: Manifests;
  readonly #pages: KnownReferrersPages;
  readonly #assembling = new Semaphore({ places: PAGES_AT_ONCE });

  constructor(ledger: ReferrerLedger, manifests: Manifests) {
    this.#ledger = ledger;
    this.#manifests = manifests;
    this.#pages = new KnownReferrersPages(() => ledger.epoch());
  }

  /** A page of referrers, each once, limited in entries and in bytes; empty for an unknown subject. */
  list(repository: RepositoryName, subject: Digest, query: ReferrersQuery): Promise<ReferrersPage> {
    const { artifactType = "", after, limit } = query;
    const key = `${repository} ${subject} ${after ? cursorText(after) : ""} ${limit} ${artifactType}`;
    return this.#pages.find(key, () =>
      this.#assembling.run(() => this.#assemble(repository, subject, query)),
    );
  }

  async #assemble(
    repository: RepositoryName,
    subject: Digest,
    query: ReferrersQuery,
  ): Promise<ReferrersPage> {
    const page = new PageEntries(query);
    const next =
      (await this.#addOwn(page, repository, subject, query)) ??
      (await this.#addRecorded(page, repository, subject, query));
    const { entries, bytes } = page;
    const read = () => this.#ledger.readDescriptors(repository, entries);
    if (bytes > MAX_PAGE_BYTES) return { descriptors: read, heldBytes: entries.length * ENTRY_BYTES, next };
    const descriptors = await allOf(read());
    return { descriptors, heldBytes: descriptors.byteLength, next };
  }

  /** Adds the manifests that name the subject; resolves to the place to go on at if the page is full. */
  async #addOwn(
    page: PageEntries,
    repository: RepositoryName,
    subject: Digest,
    { artifactType, after: cursor }: ReferrersQuery,
  ): Promise<ReferrersCursor | undefined> {
    if (cursor?.recorded !== undefined) return undefined;
    const slices = new WorkSlices();
    for (let after: ReferrerPlace | undefined = cursor?.own; ; ) {
      const request = { after, limit: OWN_BATCH };
      const batch = await this.#ledger.listReferrers(repository, subject, filterBy(artifactType), request);
      for (const referrer of batch) {
        const { listedAt, digest } = referrer;
        if (!page.add(referrer, { own: { listedAt, digest } })) return page.last;
      }
      if (batch.length < OWN_BATCH) return undefined;
      after = batch.at(-1);
      await slices.pause();
    }
  }

  /** Adds what the fallback tag has besides; resolves to the place to go on at if there may be more. */
  async #addRecorded(
    page: PageEntries,
    repository: RepositoryName,
    subject: Digest,
    { artifactType, after }: ReferrersQuery,
  ): Promise<ReferrersCursor | undefined> {
    const fallback = await this.#manifests.find(repository, referrersTag(subject));
    if (fallback === undefined) return undefined;
    const listed = await this.#manifests.entriesAfter(repository, fallback, after?.recorded, MAX_CANDIDATES);
    const slices = new WorkSlices();
    for (let start = 0; start < listed.digests.length; start += CANDIDATE_BATCH) {
      const batch = listed.digests.slice(start, start + CANDIDATE_BATCH);
      const found = await this.#ledger.findReferrers(repository, subject, filterBy(artifactType), batch);
      for (const referrer of found.toSorted(byDigest)) {
        if (!page.add(referrer, { recorded: referrer.digest })) return page.last;
      }
      await slices.pause();
    }
    const last = listed.digests.at(-1);
    return listed.more && last !== undefined ? { recorded: last } : undefined;
  }
}

async function allOf(source: ByteSource): Promise<Uint8Array> {
  return Buffer.concat(await Array.fromAsync(source, (piece) => piece.slice()));
}

function filterBy(artifactType: string | undefined): { readonly artifactType?: string } {
  return artifactType === undefined ? {} : { artifactType };
}

function byDigest(one: Referrer, other: Referrer): number {
  return one.digest < other.digest ? -1 : 1;
}
