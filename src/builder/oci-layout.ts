import { mkdir, open, rename, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type ByteBody, bodyChunks } from "../bytes/byte-source.ts";
import { createContentHash } from "../bytes/content-hash.ts";
import type { BlobDescriptor } from "../content/blob-services.ts";
import { absent } from "../files/system-error.ts";
import { algorithmOf, type Digest, digestOf, encodedOf } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { Reference } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { ImageRegistry, WholeManifest } from "../registry/image-registry.ts";

const LAYOUT = { imageLayoutVersion: "1.0.0" };

/**
 * Writes a stored image as an OCI layout (image-spec image-layout.md) into `folder`, which it creates if needed.
 *
 * Verifies every blob while writing it. Writes the index last, because the index makes the image visible. Replaces an
 * existing index and keeps existing blobs.
 *
 * @throws {RegistryError} `manifest-unknown`, also if something that the image needs is missing
 */
export async function writeOciLayout(
  registry: ImageRegistry,
  repository: RepositoryName,
  reference: Reference,
  folder: string,
): Promise<void> {
  const manifest = await registry.findManifest(repository, reference);
  if (manifest === undefined) throw new RegistryError("manifest-unknown", "no such image");
  const self = { digest: digestOf(manifest.bytes), size: manifest.bytes.byteLength };
  await writeManifest({ registry, repository, folder }, self.digest, manifest);
  await writeFile(join(folder, "oci-layout"), JSON.stringify(LAYOUT));
  const index = {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: [
      {
        mediaType: manifest.mediaType,
        ...self,
        annotations: { "org.opencontainers.image.ref.name": reference },
      },
    ],
  };
  await writeFile(join(folder, "index.json.new"), JSON.stringify(index));
  await rename(join(folder, "index.json.new"), join(folder, "index.json"));
}

/** Where {@link writeManifest} reads, and where it writes. */
interface Way {
  readonly registry: ImageRegistry;
  readonly repository: RepositoryName;
  readonly folder: string;
}

/**
 * Writes the blobs and manifests that a manifest names, and then the manifest itself, each under the digest by which it
 * is named. A client may have pushed it, so it can be anything that the registry accepts.
 */
async function writeManifest(way: Way, name: Digest, { bytes, mediaType }: WholeManifest): Promise<void> {
  const { registry, repository, folder } = way;
  for (const { kind, digest, size, optional } of parseManifest(bytes, mediaType).references) {
    if (kind === "manifest") {
      const image = await registry.findManifest(repository, digest);
      if (image === undefined) throw missing("a manifest of the index is missing", digest);
      await writeManifest(way, digest, image);
    } else if (!(await isThere(folder, { digest, size }))) {
      const blob = await registry.findBlob(repository, digest);
      if (blob !== undefined) await writeBlob(folder, { digest, size }, await registry.open(blob));
      else if (!optional) throw missing("a blob of the image is missing", digest);
    }
  }
  await writeBlob(folder, { digest: name, size: bytes.byteLength }, new Uint8Array(bytes));
}

function missing(message: string, digest: Digest): RegistryError {
  return new RegistryError("manifest-unknown", message, { detail: { digest } });
}

function blobPath(folder: string, blob: BlobDescriptor): string {
  return join(folder, "blobs", algorithmOf(blob.digest), encodedOf(blob.digest));
}

async function isThere(folder: string, blob: BlobDescriptor): Promise<boolean> {
  return (await stat(blobPath(folder, blob)).catch(absent))?.size === blob.size;
}

async function writeBlob(folder: string, blob: BlobDescriptor, body: ByteBody): Promise<void> {
  const path = blobPath(folder, blob);
  await mkdir(dirname(path), { recursive: true });
  const hash = createContentHash(algorithmOf(blob.digest));
  const file = await open(`${path}.new`, "w");
  let size = 0;
  try {
    for await (const chunk of bodyChunks(body)) {
      hash.update(chunk);
      size += chunk.byteLength;
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  if (size !== blob.size || hash.hex() !== encodedOf(blob.digest)) {
    await unlink(`${path}.new`);
    throw new RegistryError("digest-mismatch", "a stored blob does not match its digest", {
      detail: { digest: blob.digest },
    });
  }
  await rename(`${path}.new`, path);
}
