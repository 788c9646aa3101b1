import type { BlobLinks, ContentLedger, UnlinkLog } from "./blob-ledger.ts";
import type { BuildLedger } from "./build-ledger.ts";
import type { ManifestLedger } from "./manifest-ledger.ts";
import type { PackageIndexLedger } from "./package-index-ledger.ts";
import type { SourceLedger } from "./source-ledger.ts";
import type { UploadLedger } from "./upload-ledger.ts";

/** All metadata of one registry. */
export interface MetadataStore
  extends BlobLinks,
    UnlinkLog,
    ManifestLedger,
    UploadLedger,
    ContentLedger,
    BuildLedger,
    SourceLedger,
    PackageIndexLedger,
    AsyncDisposable {
  /** Whether any repository links a blob. */
  linksBlobs(): Promise<boolean>;
}
