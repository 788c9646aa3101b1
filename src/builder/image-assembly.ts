import type { BlobDescriptor } from "../content/blob-services.ts";
import type { CachedLayer } from "../metadata/ports/build-ledger.ts";
import type { Descriptor, Platform } from "../oci/descriptor.ts";
import { digestOf } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import type { ImageSettings } from "./package-source.ts";

/** A layer of an image, and its description. */
export interface ImageLayer {
  readonly layer: CachedLayer;
  /** Clients show this as the command that made the layer. */
  readonly createdBy: string;
}

/** A config or manifest with its descriptor. */
export interface ImageDocument {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
}

/** A config and its manifest. */
export interface AssembledImage {
  readonly config: ImageDocument;
  readonly manifest: ImageDocument;
}

const ANNOTATION = "org.opencontainers.image";

/**
 * Makes the image of `layers`, lowest first, with a `description` for people. The image contains no name, so equal
 * contents give equal bytes.
 */
export function assembleImage(
  platform: Platform,
  description: string,
  layers: readonly ImageLayer[],
  settings: ImageSettings,
): AssembledImage {
  const created = settings.createdAt.toISOString().replace(/\.\d+Z$/, "Z");
  const annotations = {
    [`${ANNOTATION}.created`]: created,
    [`${ANNOTATION}.description`]: description,
  };
  const config = document(MediaType.ociConfig, {
    created,
    architecture: platform.architecture,
    os: platform.os,
    config: {
      Env: settings.environment,
      Cmd: settings.command,
      Labels: annotations,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ layer }) => layer.diffId) },
    history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
  });
  const manifest = document(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: config.descriptor,
    layers: layers.map(({ layer }) => layer.descriptor),
    annotations,
  });
  return { config, manifest };
}

/** Makes the index of images for several platforms, with a `description` for people. */
export function assembleIndex(
  description: string,
  images: readonly { readonly platform: Platform; readonly manifest: ImageDocument }[],
): ImageDocument {
  return document(MediaType.ociIndex, {
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests: images.map(({ platform, manifest }) => ({
      ...manifest.descriptor,
      platform: { architecture: platform.architecture, os: platform.os },
    })),
    annotations: { [`${ANNOTATION}.description`]: description },
  });
}

/** Makes an artifact with information about an image, which is its subject (image-spec manifest.md, "Artifacts"). */
export function assembleArtifact(
  subject: Descriptor,
  type: string,
  content: Pick<Descriptor, "digest" | "size">,
): { readonly empty: ImageDocument; readonly manifest: ImageDocument } {
  const empty = document(MediaType.ociEmpty, {});
  const manifest = document(MediaType.ociManifest, {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType: type,
    config: empty.descriptor,
    layers: [{ mediaType: type, digest: content.digest, size: content.size }],
    subject,
  });
  return { empty, manifest };
}

interface ManifestContent {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

function contentOf(manifest: Uint8Array): ManifestContent {
  return JSON.parse(new TextDecoder().decode(manifest)) as ManifestContent;
}

/** The manifests of an index; empty for an image. */
export function manifestsOf(manifest: Uint8Array): readonly Descriptor[] {
  return contentOf(manifest).manifests ?? [];
}

/** The config and the layers of an image manifest; empty for an index. */
export function blobsOf(manifest: Uint8Array): readonly BlobDescriptor[] {
  const { config, layers = [] } = contentOf(manifest);
  if (config === undefined) return [];
  const unique = new Map([config, ...layers].map(({ digest, size }) => [digest, { digest, size }]));
  return [...unique.values()];
}

function document(mediaType: string, content: unknown): ImageDocument {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return { bytes, descriptor: { mediaType, digest: digestOf(bytes), size: bytes.byteLength } };
}
