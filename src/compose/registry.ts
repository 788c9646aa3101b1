import type { Config } from "../config/schema.ts";
import type { BlobProvider } from "../content/blob-services.ts";
import type { BlobStore } from "../content/blob-store.ts";
import type { Logger } from "../log.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { MetadataStore } from "../metadata/ports/metadata-store.ts";
import type { AccessPolicy } from "../registry/access-policy.ts";
import { ManifestThread } from "../registry/manifest-thread.ts";
import { Registry } from "../registry/registry.ts";

/** The storage that a registry works on. */
interface Stored {
  readonly metadata: MetadataStore;
  readonly links: BlobLinks;
  readonly store: BlobStore;
  /** The blobs of `store`, small ones served from memory. */
  readonly provider: BlobProvider;
}

/** Creates the registry on its storage. */
export function createRegistry(
  config: Config,
  { metadata, links, store, provider }: Stored,
  policy: AccessPolicy,
  opened: AsyncDisposableStack,
  log: Logger,
): Registry {
  const onFailure = (err: Error) => log.error({ err }, "the thread that reads manifests failed");
  return new Registry({
    metadata,
    links,
    provider,
    locator: config.content.driver === "s3" && config.content.redirect ? store : undefined,
    ingester: store,
    policy,
    rules: config.registry,
    manifestThread: opened.use(new ManifestThread(onFailure)),
    log: log.child({ area: "registry" }),
  });
}
