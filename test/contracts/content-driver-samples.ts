import type { ByteBody, ByteSource } from "../../src/bytes/byte-source.ts";
import { type ContentDriver, createUploadId, type UploadId } from "../../src/content/content-driver.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";

/** Yields the chunks, then throws `failure` if given. */
export async function* chunks(parts: Iterable<string | Uint8Array>, failure?: Error): ByteSource {
  for (const part of parts) yield typeof part === "string" ? new TextEncoder().encode(part) : part;
  if (failure !== undefined) throw failure;
}

/** `size` bytes that look random; the same seed gives the same bytes. */
export function sampleBytes(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed >>> 0;
  for (let index = 0; index < words.length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[index] = state ^ (state >>> 15);
  }
  return new Uint8Array(words.buffer, 0, size);
}

/** Cuts bytes into pieces of the sizes given, over and over. */
export function* pieces(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  for (let start = 0, turn = 0; start < bytes.byteLength; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

/** All bytes of a body of any kind. */
export async function bytesOf(body: ByteBody | undefined): Promise<Uint8Array> {
  if (body === undefined) throw new Error("there is no body");
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** A body's text. */
export async function textOf(body: ByteBody | undefined): Promise<string> {
  return new TextDecoder().decode(await bytesOf(body));
}

/** All of a source in one piece. */
export async function gather(source: ByteSource): Promise<Uint8Array> {
  return new Uint8Array(
    await new Blob(await Array.fromAsync(source, (chunk) => chunk.slice())).arrayBuffer(),
  );
}

/** A new upload that holds `content`. */
export async function uploadSample(
  driver: ContentDriver,
  content: string | Uint8Array,
): Promise<{ readonly id: UploadId; readonly revision: string }> {
  const id = createUploadId();
  await driver.createUpload(id);
  const { revision } = await driver.appendUpload(id, 0, chunks([content]), () => {});
  return { id, revision };
}

/** Publishes `content` under its digest, or under another one. */
export async function publishSample(
  driver: ContentDriver,
  content: string | Uint8Array,
  digest = digestOf(content),
): Promise<Digest> {
  const { id, revision } = await uploadSample(driver, content);
  await driver.publishUpload(id, digest, revision);
  return digest;
}
