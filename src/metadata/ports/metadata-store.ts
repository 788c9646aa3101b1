import type { BlobLinks, ContentLedger, UnlinkLog } from "./blob-ledger.ts";
import type { BuildLedger } from "./build-ledger.ts";
import type { ListingLedger } from "./listing-ledger.ts";
import type { ManifestLedger } from "./manifest-ledger.ts";
import type { PackageIndexLedger } from "./package-index-ledger.ts";
import type { ReferrerLedger } from "./referrer-ledger.ts";
import type { SourceLedger } from "./source-ledger.ts";
import type { UploadLedger } from "./upload-ledger.ts";

/** All metadata of one registry, by subject. Pass on only the parts that are needed. */
export interface MetadataStore extends AsyncDisposable {
  readonly links: BlobLinks;
  readonly unlinks: UnlinkLog;
  readonly uploads: UploadLedger;
  readonly content: ContentLedger;
  readonly manifests: ManifestLedger;
  readonly referrers: ReferrerLedger;
  readonly listings: ListingLedger;
  readonly builds: BuildLedger;
  readonly sources: SourceLedger;
  readonly packageIndex: PackageIndexLedger;
}
