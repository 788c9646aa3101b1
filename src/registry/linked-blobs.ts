import type { BlobDescriptor, BlobLocator, BlobProvider } from "../content/blob-services.ts";
import type { BlobLinks } from "../metadata/metadata-store.ts";
import { type Awaitable, whenReady } from "../oci/awaitable.ts";
import type { ByteRange } from "../oci/byte-range.ts";
import type { ByteBody } from "../oci/byte-source.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { AccessControl } from "./access-control.ts";
import type { Caller } from "./access-policy.ts";
import { linkNames } from "./link-names.ts";

/** Repositories looked through for a mount that names no source; bounds the work of one request. */
const MOUNT_CANDIDATES = 100;

/**
 * Blobs as one repository reaches them: a global blob that the repository does not link is not there.
 */
export class LinkedBlobs {
  readonly #provider: BlobProvider;
  readonly #locator: BlobLocator | undefined;
  readonly #links: BlobLinks;
  readonly #access: AccessControl;

  constructor(
    provider: BlobProvider,
    locator: BlobLocator | undefined,
    links: BlobLinks,
    access: AccessControl,
  ) {
    this.#provider = provider;
    this.#locator = locator;
    this.#links = links;
    this.#access = access;
  }

  /**
   * The blob's canonical descriptor.
   *
   * @throws {RegistryError} `blob-unknown`
   */
  stat(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor> {
    return whenReady(this.#links.findLinkedBlob(repository, digest), (blob) => {
      if (blob === undefined) throw unknown(digest);
      return blob;
    });
  }

  /** The bytes of a blob that {@link stat} told of. */
  open(blob: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody> {
    return this.#provider.open(blob, range);
  }

  /** Where a client may fetch a blob that {@link stat} told of by itself; `undefined` when it is to be sent. */
  locate(blob: BlobDescriptor): Promise<string | undefined> | undefined {
    return this.#locator?.locate(blob);
  }

  /**
   * Removes the repository's link; the bytes stay for other repositories.
   *
   * @throws {RegistryError} `blob-unknown`
   */
  async delete(repository: RepositoryName, digest: Digest): Promise<void> {
    if (!(await this.#links.unlinkBlob(repository, digest))) throw unknown(digest);
  }

  /**
   * Links content that another repository holds, so that it need not be uploaded (distribution-spec end-11).
   *
   * Looks in `from`, or without it in the repositories that link the digest, and only where `caller` may pull. The
   * answer is the same `undefined` for content that is nowhere and for content that the caller may not read.
   */
  async mount(
    caller: Caller,
    repository: RepositoryName,
    digest: Digest,
    from: RepositoryName | undefined,
  ): Promise<BlobDescriptor | undefined> {
    const blob = await this.#findMountSource(caller, digest, from);
    if (blob === undefined) return undefined;
    await this.#links.linkBlob(repository, blob, linkNames(blob, digest));
    return blob;
  }

  async #findMountSource(
    caller: Caller,
    digest: Digest,
    from: RepositoryName | undefined,
  ): Promise<BlobDescriptor | undefined> {
    const candidates =
      from === undefined
        ? await this.#links.listRepositoriesLinking(digest, { limit: MOUNT_CANDIDATES })
        : [from];
    const source = candidates.find((candidate) => this.#access.allows(caller, "pull", candidate));
    return source === undefined ? undefined : await this.#links.findLinkedBlob(source, digest);
  }
}

function unknown(digest: Digest): RegistryError {
  return new RegistryError("blob-unknown", "blob unknown to registry", { detail: { digest } });
}
