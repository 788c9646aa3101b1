import type { ByteRange } from "../bytes/byte-range.ts";
import type { ByteBody, ByteSource } from "../bytes/byte-source.ts";
import { type Awaitable, whenReady } from "../concurrency/awaitable.ts";
import type { BlobDescriptor, BlobLocator, BlobProvider } from "../content/blob-services.ts";
import type { BlobLinks } from "../metadata/ports/blob-ledger.ts";
import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { AccessControl } from "./access-control.ts";
import type { Caller } from "./access-policy.ts";
import type { BlobPresence } from "./blob-presence.ts";

/** Maximum repositories to search for a mount without a source; limits the work of one request. */
const MOUNT_CANDIDATES = 100;

/** Blobs as one repository sees them: without a link, a blob does not exist for it. */
export class LinkedBlobs {
  readonly #provider: BlobProvider;
  readonly #locator: BlobLocator | undefined;
  readonly #links: BlobLinks;
  readonly #access: AccessControl;
  readonly #presence: BlobPresence;

  constructor(
    provider: BlobProvider,
    locator: BlobLocator | undefined,
    links: BlobLinks,
    access: AccessControl,
    presence: BlobPresence,
  ) {
    this.#presence = presence;
    this.#provider = provider;
    this.#locator = locator;
    this.#links = links;
    this.#access = access;
  }

  /**
   * The canonical descriptor of a blob that the repository links, whether or not its content can be read.
   *
   * @throws {RegistryError} `blob-unknown`
   */
  findLink(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor> {
    return whenReady(this.#links.findLinkedBlob(repository, digest), (blob) => {
      if (blob === undefined) throw unknown(digest);
      return blob;
    });
  }

  /**
   * The blob's canonical descriptor.
   *
   * @throws {RegistryError} `blob-unknown`, also if its content is lost or damaged
   */
  find(repository: RepositoryName, digest: Digest): Awaitable<BlobDescriptor> {
    return whenReady(this.findLink(repository, digest), (blob) =>
      whenReady(this.#presence.holds(blob), (held) => {
        if (!held) throw unknown(digest);
        return blob;
      }),
    );
  }

  /**
   * The bytes of a blob that {@link findLink} or {@link find} returned.
   *
   * @throws {RegistryError} `blob-unknown` if its content is lost or damaged
   */
  open(blob: BlobDescriptor, range?: ByteRange): Awaitable<ByteBody> {
    return whenReady(this.#provider.open(blob, range), (body) => {
      if (body !== undefined) return body;
      this.#presence.report(blob);
      throw unknown(blob.digest);
    });
  }

  /** Whether the content of a blob that {@link findLink} returned still exists and has the right size. */
  holds(blob: BlobDescriptor): Awaitable<boolean> {
    return this.#presence.holds(blob);
  }

  /** The bytes of a range of a blob that {@link find} returned, in small pieces, for slow clients. */
  read(blob: BlobDescriptor, range: ByteRange): ByteSource {
    return this.#provider.read(blob, range);
  }

  /** Whether {@link locate} may return a URL. */
  get canLocate(): boolean {
    return this.#locator !== undefined;
  }

  /**
   * A URL from which a client can fetch a blob that {@link find} returned; `undefined` if the registry has to send
   * it.
   */
  locate(blob: BlobDescriptor): Promise<string | undefined> | undefined {
    return this.#locator?.locate(blob);
  }

  /**
   * Removes the repository's link. The bytes stay for other repositories.
   *
   * @throws {RegistryError} `blob-unknown`
   */
  async delete(repository: RepositoryName, digest: Digest): Promise<void> {
    if (!(await this.#links.unlinkBlob(repository, digest))) throw unknown(digest);
  }

  /**
   * Links content of another repository, so that a client does not have to upload it (distribution-spec end-11).
   *
   * Searches `from`, or without it all repositories that link the digest, but only where `caller` may pull. Returns
   * `undefined` if the content does not exist, is lost, or may not be read by the caller.
   */
  async mount(
    caller: Caller,
    repository: RepositoryName,
    digest: Digest,
    from: RepositoryName | undefined,
  ): Promise<BlobDescriptor | undefined> {
    const blob = await this.#findMountSource(caller, digest, from);
    if (blob === undefined || !(await this.#presence.holds(blob))) return undefined;
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

/** The digests under which a blob is linked: the client's and the canonical one, so that both find it. */
export function linkNames(blob: BlobDescriptor, claimed: Digest): readonly Digest[] {
  return claimed === blob.digest ? [blob.digest] : [blob.digest, claimed];
}

function unknown(digest: Digest): RegistryError {
  return new RegistryError("blob-unknown", "blob unknown to registry", { detail: { digest } });
}
