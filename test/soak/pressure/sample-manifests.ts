import { MediaType } from "../../../src/oci/media-types.ts";
import type { TestDescriptor } from "../../support/registry-client.ts";
import type { Stage } from "./stage.ts";

const MEBIBYTE = 1024 * 1024;

/** Size of the largest manifests: a little below the registry's limit. */
export const LARGE_MANIFEST_BYTES = 4 * MEBIBYTE - 4096;

/** An image without layers, whose config is pushed with it. */
export async function smallImage(stage: Stage, repository: string) {
  const config = await stage.client.pushBlob(repository, "{}", MediaType.ociConfig);
  return { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [] };
}

/** Annotations of about `bytes` bytes as JSON. Different numbers give different annotations. */
export function largeAnnotations(bytes: number, number: number): Readonly<Record<string, string>> {
  const valueBytes = 64 * 1024;
  const count = Math.max(1, Math.floor(bytes / (valueBytes + 32)));
  const value = `${number} `.repeat(valueBytes).slice(0, valueBytes);
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`org.example.note-${i}`, value]));
}

/** As many copies of an entry as fit into an index or list of about `bytes`. */
export function repeatedEntries(entry: object, bytes: number): readonly object[] {
  return Array<object>(Math.floor(bytes / (JSON.stringify(entry).length + 1))).fill(entry);
}

/** The descriptor as an entry of an index, without fields that only tests use. */
export function entryOf({ mediaType, digest, size }: TestDescriptor, extra: object = {}): object {
  return { mediaType, digest, size, ...extra };
}
