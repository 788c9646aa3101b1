import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { archiveOf } from "../../../src/builder/archive/archive-writer.ts";
import { type Digest, digestOf, encodedOf } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";

/** An image as an OCI layout in a folder. */
export interface SampleImage {
  /** The layout's folder; its one manifest is called `v1` there. */
  readonly layout: string;
  readonly manifest: Digest;
  readonly config: Digest;
  /** Uncompressed layers, in order. */
  readonly layers: readonly Buffer[];
  /** Every blob of the layout, the manifest among them. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
}

/** Creates a new image of two layers of random files. */
export async function makeSampleImage(layout: string): Promise<SampleImage> {
  const blobs = new Map<Digest, Uint8Array>();
  const add = (mediaType: string, bytes: Uint8Array) => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const layers = [await archive("first", 300_000), await archive("second", 5_000)];
  const config = add(
    MediaType.ociConfig,
    Buffer.from(
      JSON.stringify({
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        os: "linux",
        config: {},
        rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
        history: layers.map((_, i) => ({ created_by: `layer ${i}` })),
      }),
    ),
  );
  const manifest = add(
    MediaType.ociManifest,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MediaType.ociManifest,
        config,
        layers: layers.map((layer) =>
          add(MediaType.ociLayerGzip, Bun.gzipSync(layer as Buffer<ArrayBuffer>)),
        ),
      }),
    ),
  );
  const entry = { ...manifest, annotations: { "org.opencontainers.image.ref.name": "v1" } };
  await mkdir(join(layout, "blobs/sha256"), { recursive: true });
  await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [entry] };
  await writeFile(join(layout, "index.json"), JSON.stringify(index));
  for (const [digest, bytes] of blobs)
    await writeFile(join(layout, "blobs/sha256", encodedOf(digest)), bytes);
  return { layout, manifest: manifest.digest, config: config.digest, layers, blobs };
}

async function archive(name: string, size: number): Promise<Buffer> {
  const entry = { type: "file", mode: 0o644, userId: 0, groupId: 0, modifiedAt: new Date(0) } as const;
  const chunks: Uint8Array[] = [];
  for await (const chunk of archiveOf((tar) => tar.writeBytes({ ...entry, path: name }, randomBytes(size))))
    chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}
