import type { ByteBody, ByteSource } from "../../src/bytes/byte-source.ts";
import type { Awaitable } from "../../src/concurrency/awaitable.ts";
import {
  type ContentDriver,
  createUploadId,
  StorageError,
  type UploadId,
  type UploadLock,
  type UploadState,
} from "../../src/content/content-driver.ts";
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

/** Works on an upload while it is locked. */
async function locked<Result>(
  driver: ContentDriver,
  id: UploadId,
  work: (lock: UploadLock) => Promise<Result>,
): Promise<Result> {
  const lock = await driver.lockUpload(id);
  if (lock === "busy") throw new Error(`${id} is locked`);
  if (lock === undefined) throw new StorageError(driver.name, "lock upload", id, "no such upload");
  using held = lock;
  return await work(held);
}

/** {@link ContentDriver.appendUpload} under the upload's lock. */
export function appendUpload(
  driver: ContentDriver,
  id: UploadId,
  offset: number,
  source: ByteSource,
  tap: (piece: Uint8Array) => Awaitable<void>,
): Promise<UploadState> {
  return locked(driver, id, (lock) => driver.appendUpload(lock, offset, source, tap));
}

/** {@link ContentDriver.truncateUpload} under the upload's lock. */
export function truncateUpload(driver: ContentDriver, id: UploadId, size: number): Promise<UploadState> {
  return locked(driver, id, (lock) => driver.truncateUpload(lock, size));
}

/** {@link ContentDriver.publishUpload} under the upload's lock. */
export function publishUpload(
  driver: ContentDriver,
  id: UploadId,
  digest: Digest,
  revision: string,
): Promise<void> {
  return locked(driver, id, (lock) => driver.publishUpload(lock, digest, revision));
}

/** {@link ContentDriver.discardUpload} under the upload's lock, if there is such an upload. */
export async function discardUpload(driver: ContentDriver, id: UploadId): Promise<void> {
  const lock = await driver.lockUpload(id);
  if (lock === "busy") throw new Error(`${id} is locked`);
  if (lock === undefined) return;
  using held = lock;
  await driver.discardUpload(held);
}

/** A new upload that holds `content`. */
export async function uploadSample(
  driver: ContentDriver,
  content: string | Uint8Array,
): Promise<{ readonly id: UploadId; readonly revision: string }> {
  const id = createUploadId();
  await driver.createUpload(id);
  const { revision } = await appendUpload(driver, id, 0, chunks([content]), () => {});
  return { id, revision };
}

/** Publishes `content` under its digest, or under another one. */
export async function publishSample(
  driver: ContentDriver,
  content: string | Uint8Array,
  digest = digestOf(content),
): Promise<Digest> {
  const { id, revision } = await uploadSample(driver, content);
  await publishUpload(driver, id, digest, revision);
  return digest;
}
