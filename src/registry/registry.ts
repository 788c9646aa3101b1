import type { BlobIngester, BlobLocator, BlobProvider } from "../content/blob-services.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import { AccessControl } from "./access-control.ts";
import type { AccessPolicy } from "./access-policy.ts";
import { BlobCommit } from "./blob-commit.ts";
import { BlobPresence } from "./blob-presence.ts";
import { LinkedBlobs } from "./linked-blobs.ts";
import { Listings } from "./listings.ts";
import type { ManifestThread } from "./manifest-thread.ts";
import { type ManifestRules, Manifests } from "./manifests.ts";
import { Referrers } from "./referrers.ts";
import { Uploads } from "./uploads.ts";

/** The parts of a registry. */
export interface RegistryParts {
  readonly metadata: Pick<MetadataStore, "manifests" | "referrers" | "listings" | "uploads">;
  /** Blob links, with the descriptor cache in front if there is one. */
  readonly links: BlobLinks;
  readonly provider: BlobProvider;
  /** Redirects clients to the store for blobs; absent if the registry sends them itself. */
  readonly locator?: BlobLocator | undefined;
  readonly ingester: BlobIngester;
  readonly policy: AccessPolicy;
  readonly rules: ManifestRules;
  /** The caller disposes of it. */
  readonly manifestThread: ManifestThread;
  readonly log: Logger;
}

/** The rules of a registry over its ports, one object for each kind of thing. It does not know the builder, which uses it. */
export class Registry {
  readonly access: AccessControl;
  readonly blobs: LinkedBlobs;
  readonly uploads: Uploads;
  readonly commits: BlobCommit;
  readonly manifests: Manifests;
  readonly listings: Listings;
  readonly referrers: Referrers;

  constructor(parts: RegistryParts) {
    const { metadata, links, provider, ingester } = parts;
    const presence = new BlobPresence(provider, parts.log);
    this.access = new AccessControl(parts.policy);
    this.blobs = new LinkedBlobs(provider, parts.locator, links, this.access, presence);
    this.uploads = new Uploads({ ingester, ledger: metadata.uploads });
    this.commits = new BlobCommit({ ingester, provider, ledger: metadata.uploads, links });
    this.manifests = new Manifests(metadata.manifests, links, presence, parts.rules, parts.manifestThread);
    this.listings = new Listings(metadata.listings, this.access);
    this.referrers = new Referrers(metadata.referrers, this.manifests);
  }
}
