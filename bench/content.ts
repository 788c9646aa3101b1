import { randomBytes } from "node:crypto";
import { link, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MediaType } from "../src/oci/media-types.ts";
import { pushBlob, pushManifest } from "./registry-client.ts";
import type { BenchServer } from "./servers/bench-server.ts";
import { NGINX_FILES } from "./servers/nginx.ts";

export const REPOSITORY = "bench/app";
export const TAG = "latest";
export const MIB = 1024 * 1024;

const SMALL_BLOB_BYTES = 16 * 1024;
// Gives a manifest of about 1.6 KB, the size of a typical image's.
const SMALL_BLOB_COUNT = 10;

/** A blob in a file. */
export interface BlobFile {
  readonly path: string;
  readonly digest: string;
  readonly sizeBytes: number;
}

/** The image that every server serves: small layers, and a large blob that is not in its manifest. */
export interface BenchContent {
  readonly smallBlobs: readonly BlobFile[];
  readonly largeBlob: BlobFile;
  readonly manifest: BlobFile;
}

/** Writes content into `folder`. It is random, so that no server gains from compression or deduplication. */
export async function createContent(folder: string, largeBlobMib: number): Promise<BenchContent> {
  const smallBlobs = await Promise.all(
    Array.from({ length: SMALL_BLOB_COUNT }, (_, index) =>
      createBlob(join(folder, `small-${index}`), SMALL_BLOB_BYTES),
    ),
  );
  const [config, ...layers] = smallBlobs.map(({ digest, sizeBytes }, index) => ({
    mediaType: index === 0 ? MediaType.ociConfig : MediaType.ociLayerGzip,
    digest,
    size: sizeBytes,
  }));
  const manifestPath = join(folder, "manifest");
  const manifest = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers };
  await Bun.write(manifestPath, JSON.stringify(manifest));
  return {
    smallBlobs,
    largeBlob: await createBlob(join(folder, "large"), largeBlobMib * MIB),
    manifest: await describeFile(manifestPath),
  };
}

/** A file of `sizeBytes` random bytes at `path`. */
export async function createBlob(path: string, sizeBytes: number): Promise<BlobFile> {
  const file = Bun.file(path).writer();
  for (let left = sizeBytes; left > 0; left -= MIB) {
    file.write(randomBytes(Math.min(left, MIB)));
    await file.flush();
  }
  await file.end();
  return describeFile(path);
}

async function describeFile(path: string): Promise<BlobFile> {
  const hash = new Bun.CryptoHasher("sha256");
  let sizeBytes = 0;
  for await (const chunk of Bun.file(path).stream()) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { path, digest: `sha256:${hash.digest("hex")}`, sizeBytes };
}

/** Puts the content on a server: through the registry API, or as files with that API's paths. */
export async function publish(
  server: BenchServer,
  serverFolder: string,
  content: BenchContent,
): Promise<void> {
  const blobs = [...content.smallBlobs, content.largeBlob];
  if (server.isRegistry) {
    for (const { digest, path } of blobs) await pushBlob(server.origin, REPOSITORY, digest, path);
    const bytes = await Bun.file(content.manifest.path).bytes();
    await pushManifest(server.origin, REPOSITORY, TAG, MediaType.ociManifest, bytes);
    return;
  }
  const root = join(serverFolder, NGINX_FILES, "v2", REPOSITORY);
  await mkdir(join(root, "blobs"), { recursive: true });
  await mkdir(join(root, "manifests"));
  for (const { digest, path } of blobs) await link(path, join(root, "blobs", digest));
  for (const reference of [TAG, content.manifest.digest]) {
    await link(content.manifest.path, join(root, "manifests", reference));
  }
}
