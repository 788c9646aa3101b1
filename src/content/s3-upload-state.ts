import { uploadFolder } from "./blob-paths.ts";
import type { UploadId } from "./content-driver.ts";
import type { S3Bucket, S3Object } from "./s3-bucket.ts";
import { sessionKey, tailKey, wholeKey } from "./s3-keys.ts";
import type { S3Part } from "./s3-multiparts.ts";

/** The content of the session object as JSON; empty while there are no parts. */
export interface S3UploadSession {
  readonly multipartId: string;
  /** How often the upload was reopened after it had been sealed. */
  readonly generation: number;
  /** The revision of the parts and the tail that became, or were about to become, the whole object. */
  readonly sealedRevision?: string;
}

/** Identifies a version of an object. */
export type S3Bytes = Pick<S3Object, "key" | "size" | "etag">;

/**
 * The state of an upload in its bucket: everything an instance needs to continue it.
 *
 * Its bytes are those of `whole` if present, otherwise those of the parts followed by `tail`.
 */
export interface S3UploadState {
  readonly id: UploadId;
  readonly session: S3UploadSession | undefined;
  /** Parts 1, 2, 3 …, without a gap. */
  readonly parts: readonly Pick<S3Part, "number" | "size" | "etag">[];
  readonly tail: S3Bytes | undefined;
  /** The object that parts and tail were sealed into. */
  readonly whole: S3Bytes | undefined;
  readonly modifiedAt: Date;
}

/** Reads the state of an upload from the bucket. */
export async function readUploadState(bucket: S3Bucket, id: UploadId): Promise<S3UploadState | undefined> {
  const objects = new Map<string, S3Object>();
  for await (const object of bucket.list(`${uploadFolder(id)}/`)) objects.set(object.key, object);
  const sessionObject = objects.get(sessionKey(id));
  if (sessionObject === undefined) return undefined;
  const session = sessionObject.size === 0 ? undefined : await readSession(bucket, id);
  const whole = session && objects.get(wholeKey(id, session.generation));
  const parts = session === undefined || whole !== undefined ? [] : await listParts(bucket, id, session);
  // A tail with another offset has been replaced by a part.
  const tail = whole === undefined ? objects.get(tailKey(id, sizeOf(parts))) : undefined;
  const times = [...objects.values(), ...parts].map(({ modifiedAt }) => modifiedAt.getTime());
  return { id, session, parts, tail, whole, modifiedAt: new Date(Math.max(...times)) };
}

/** Stores the state for {@link readUploadState}. */
export async function writeSession(bucket: S3Bucket, id: UploadId, session: S3UploadSession): Promise<void> {
  await bucket.put(sessionKey(id), new TextEncoder().encode(JSON.stringify(session)));
}

/** Size of the upload in bytes. */
export function uploadedSize({ whole, parts, tail }: S3UploadState): number {
  return whole?.size ?? sizeOf(parts) + (tail?.size ?? 0);
}

/** Size of all parts together in bytes. */
export function sizeOf(parts: readonly { readonly size: number }[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}

/**
 * The upload's revision, made of the tags of its parts and tail. Sealing does not change it, because the sealed
 * object has exactly those parts.
 */
export function revisionOf({ session, parts, tail, whole }: S3UploadState): string {
  if (whole !== undefined) return session?.sealedRevision ?? whole.etag;
  const tags = [session?.multipartId, parts.map(({ etag }) => etag), tail?.size, tail?.etag];
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(tags)).digest("hex");
}

/** Parts after a gap belong to a writer that died. They are overwritten or never used. */
async function listParts(
  bucket: S3Bucket,
  id: UploadId,
  { multipartId, generation }: S3UploadSession,
): Promise<readonly S3Part[]> {
  const parts = (await bucket.multiparts.listParts(wholeKey(id, generation), multipartId)) ?? [];
  const gap = parts.findIndex(({ number }, index) => number !== index + 1);
  return gap < 0 ? parts : parts.slice(0, gap);
}

async function readSession(bucket: S3Bucket, id: UploadId): Promise<S3UploadSession | undefined> {
  const found = await bucket.get(sessionKey(id));
  return found && ((await new Response(found.body).json()) as S3UploadSession);
}
