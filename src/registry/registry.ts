import type { BlobIngester, BlobLocator, BlobProvider } from "../content/blob-services.ts";
import type { BlobLinks, ManifestLedger, UploadLedger } from "../metadata/metadata-store.ts";
import { AccessControl } from "./access-control.ts";
import type { AccessPolicy } from "./access-policy.ts";
import { LinkedBlobs } from "./linked-blobs.ts";
import { Listings } from "./listings.ts";
import { type ManifestRules, Manifests } from "./manifests.ts";
import { Referrers } from "./referrers.ts";
import { Uploads } from "./uploads.ts";

/** What a registry is made of. */
export interface RegistryParts {
  readonly ledger: ManifestLedger & UploadLedger;
  /** Links as the registry should see them, a descriptor cache in front if there is one. */
  readonly links: BlobLinks;
  readonly provider: BlobProvider;
  /** Sends clients elsewhere for blobs; absent where the registry sends them itself. */
  readonly locator?: BlobLocator | undefined;
  readonly ingester: BlobIngester;
  readonly policy: AccessPolicy;
  readonly rules: ManifestRules;
}

/** The rules of a registry over its ports, one object for each kind of thing. Knows no builder: that stands on it. */
export class Registry {
  readonly access: AccessControl;
  readonly blobs: LinkedBlobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly listings: Listings;
  readonly referrers: Referrers;

  constructor(parts: RegistryParts) {
    const { ledger, links, provider, ingester } = parts;
    this.access = new AccessControl(parts.policy);
    this.blobs = new LinkedBlobs(provider, parts.locator, links, this.access);
    this.uploads = new Uploads(ingester, ledger, links);
    this.manifests = new Manifests(ledger, links, parts.rules);
    this.listings = new Listings(ledger, this.access);
    this.referrers = new Referrers(ledger);
  }
}
