import type { BlobIngester, BlobProvider } from "../content/blob-services.ts";
import type { BlobLinks, ManifestLedger, UploadLedger } from "../metadata/metadata-store.ts";
import { AccessControl } from "./access-control.ts";
import type { AccessPolicy } from "./access-policy.ts";
import type { BlobStatter } from "./blob-statter.ts";
import type { ImageBuilder } from "./image-builder.ts";
import { LinkedBlobs } from "./linked-blobs.ts";
import { Listings } from "./listings.ts";
import { type ManifestRules, Manifests } from "./manifests.ts";
import { Uploads } from "./uploads.ts";

/** What a registry is made of. */
export interface RegistryParts {
  readonly metadata: BlobLinks & ManifestLedger & UploadLedger;
  readonly statter: BlobStatter;
  readonly provider: BlobProvider;
  readonly ingester: BlobIngester;
  readonly policy: AccessPolicy;
  readonly rules: ManifestRules;
  readonly builder: ImageBuilder | undefined;
}

/** The rules of a registry over its ports, one object for each kind of thing. */
export class Registry {
  readonly access: AccessControl;
  readonly blobs: LinkedBlobs;
  readonly uploads: Uploads;
  readonly manifests: Manifests;
  readonly listings: Listings;

  constructor(parts: RegistryParts) {
    const { metadata, statter, provider, ingester } = parts;
    this.access = new AccessControl(parts.policy);
    this.blobs = new LinkedBlobs(statter, provider, metadata, this.access);
    this.uploads = new Uploads(ingester, metadata, metadata);
    this.manifests = new Manifests(metadata, statter, parts.builder, parts.rules);
    this.listings = new Listings(metadata, this.access);
  }
}
