import type { ManifestLedger } from "../metadata/metadata-store.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { listEntries } from "../oci/manifest-list.ts";
import { referrersTag } from "../oci/referrers-tag.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { type Page, page, request } from "./listings.ts";

/** Where a page of referrers begins, and how many it holds. */
export interface ReferrersPage {
  readonly after: Digest | undefined;
  readonly limit: number;
}

/**
 * The manifests that refer to a subject: those that say so themselves, and those that older clients recorded in the
 * subject's fallback tag without saying so.
 */
export class Referrers {
  readonly #ledger: ManifestLedger;

  constructor(ledger: ManifestLedger) {
    this.#ledger = ledger;
  }

  /** A page of descriptors in ascending order of digest, each once; of an unknown subject there are none. */
  async list(
    repository: RepositoryName,
    subject: Digest,
    artifactType: string | undefined,
    { after, limit }: ReferrersPage,
  ): Promise<Page<Descriptor>> {
    const filter = artifactType === undefined ? {} : { artifactType };
    const wanted = limit + 1;
    const own = await this.#ledger.listReferrers(repository, subject, filter, request(after, wanted));
    const fallback = await this.#ledger.findManifest(repository, referrersTag(subject));
    if (fallback === undefined) return page(own, limit);
    const known = new Set<string>(own.map(({ digest }) => digest));
    const last = own.length < wanted ? undefined : own.at(-1)?.digest;
    const candidates = listEntries(fallback.bytes)
      .filter((entry) => artifactType === undefined || (entry.artifactType ?? artifactType) === artifactType)
      .map(({ digest }) => digest)
      .filter((digest) => digest > (after ?? "") && (last === undefined || digest < last))
      .filter((digest) => !known.has(digest));
    const recorded = await this.#recorded(repository, subject, artifactType, candidates, wanted);
    const all = [...own, ...recorded].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
    return page(all, limit);
  }

  /** What the repository holds of `candidates`, at most `limit`; those that name the subject are listed without us. */
  async #recorded(
    repository: RepositoryName,
    subject: Digest,
    artifactType: string | undefined,
    candidates: readonly Digest[],
    limit: number,
  ): Promise<readonly Descriptor[]> {
    const found: Descriptor[] = [];
    for (const digest of [...new Set(candidates)].toSorted()) {
      const stored = await this.#ledger.findManifest(repository, digest);
      if (stored === undefined) continue;
      const parsed = parseManifest(stored.bytes, stored.mediaType);
      if (parsed.subject === subject) continue;
      if (artifactType !== undefined && parsed.artifactType !== artifactType) continue;
      found.push({
        mediaType: stored.mediaType,
        digest,
        size: stored.bytes.byteLength,
        ...(parsed.artifactType === undefined ? {} : { artifactType: parsed.artifactType }),
        ...(parsed.annotations === undefined ? {} : { annotations: parsed.annotations }),
      });
      if (found.length === limit) break;
    }
    return found;
  }
}
