import type { ByteSource } from "../bytes/byte-source.ts";
import { Semaphore } from "../concurrency/semaphore.ts";
import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Referrer, ReferrerLedger } from "../metadata/ports/referrer-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { referrersTag } from "../oci/referrers-tag.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { pageRequest } from "./listings.ts";
import type { Manifests } from "./manifests.ts";
import { MAX_PAGE_BYTES } from "./page.ts";
import { KnownReferrersPages, type ReferrersPage } from "./referrers-page.ts";

/** Maximum entries of a fallback tag to check for one page, however few of them the repository still has. */
const MAX_CANDIDATES = 2000;
/** Entries to look up before other requests get their turn. */
const CANDIDATE_BATCH = 64;
/** Maximum pages to assemble at a time. Each takes up to a megabyte. */
const PAGES_AT_ONCE = 8;

/** Which of a subject's referrers to list. */
export interface ReferrersQuery {
  readonly artifactType: string | undefined;
  /** The digest after which the page begins; it does not have to exist. */
  readonly after: Digest | undefined;
  /** Maximum entries of the page, 1 or more. */
  readonly limit: number;
}

/** The entries of a page. */
interface PageEntries {
  /** In ascending order of digest. */
  readonly entries: readonly Referrer[];
  readonly next: Digest | undefined;
}

/** Referrers from one source. */
interface KnownReferrers {
  readonly entries: readonly Referrer[];
  /** The digest up to which the source was read; absent if this is everything. */
  readonly upTo?: Digest | undefined;
}

/**
 * The manifests that refer to a subject: those that name it as their subject, and those that older clients recorded
 * in its fallback tag. Pages are remembered until the next commit.
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
    const { artifactType = "", after = "", limit } = query;
    const key = `${repository} ${subject} ${after} ${limit} ${artifactType}`;
    return this.#pages.find(key, () =>
      this.#assembling.run(() => this.#assemble(repository, subject, query)),
    );
  }

  async #assemble(
    repository: RepositoryName,
    subject: Digest,
    query: ReferrersQuery,
  ): Promise<ReferrersPage> {
    const own = await this.#own(repository, subject, query);
    const recorded = await this.#recorded(repository, subject, query, own.upTo);
    const { entries, next } = firstPage(own, recorded, query.limit);
    const read = () => this.#ledger.readDescriptors(repository, entries);
    const bytes = entries.reduce((sum, { descriptorBytes }) => sum + descriptorBytes, 0);
    return { descriptors: bytes > MAX_PAGE_BYTES ? read : await allOf(read()), next };
  }

  async #own(
    repository: RepositoryName,
    subject: Digest,
    { artifactType, after, limit }: ReferrersQuery,
  ): Promise<KnownReferrers> {
    const entries = await this.#ledger.listReferrers(
      repository,
      subject,
      filterBy(artifactType),
      pageRequest(after, limit + 1),
    );
    return entries.length > limit ? { entries, upTo: entries.at(-1)?.digest } : { entries };
  }

  /** The entries of the fallback tag, up to `upTo` if given. */
  async #recorded(
    repository: RepositoryName,
    subject: Digest,
    { artifactType, after, limit }: ReferrersQuery,
    upTo: Digest | undefined,
  ): Promise<KnownReferrers> {
    const fallback = await this.#manifests.find(repository, referrersTag(subject));
    if (fallback === undefined) return { entries: [] };
    const listed = await this.#manifests.entriesAfter(repository, fallback, after, MAX_CANDIDATES);
    const candidates =
      upTo === undefined ? listed.digests : listed.digests.filter((digest) => digest <= upTo);
    const slices = new WorkSlices();
    const entries: Referrer[] = [];
    for (let start = 0; start < candidates.length; start += CANDIDATE_BATCH) {
      const batch = candidates.slice(start, start + CANDIDATE_BATCH);
      const found = await this.#ledger.findReferrers(repository, subject, filterBy(artifactType), batch);
      entries.push(...found.toSorted(byDigest));
      if (entries.length > limit) return { entries, upTo: batch.at(-1) };
      await slices.pause();
    }
    return listed.more ? { entries, upTo: listed.digests.at(-1) } : { entries };
  }
}

/** Merges two sources, as far as both were read, into at most one page. */
function firstPage(own: KnownReferrers, recorded: KnownReferrers, limit: number): PageEntries {
  const bounds = [own.upTo, recorded.upTo].filter((digest) => digest !== undefined);
  const end = bounds.toSorted()[0];
  const known = [...own.entries, ...recorded.entries]
    .filter(({ digest }) => end === undefined || digest <= end)
    .toSorted(byDigest);
  let bytes = 0;
  const size = known.findIndex(({ descriptorBytes }, index) => {
    bytes += descriptorBytes;
    return index === limit || (index > 0 && bytes > MAX_PAGE_BYTES);
  });
  if (size < 0) return { entries: known, next: end };
  const entries = known.slice(0, size);
  return { entries, next: entries.at(-1)?.digest };
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
