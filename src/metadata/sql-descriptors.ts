import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { NewManifest } from "./ports/manifest-ledger.ts";
import type { Referrer } from "./ports/referrer-ledger.ts";
import type { SqlSession } from "./sql-engine.ts";
import { readPieces, writePieces } from "./sql-pieces.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

/**
 * Maximum bytes of a descriptor that is stored whole. Small descriptors are read together up to this size, before other
 * requests get their turn.
 */
const SMALL_BYTES = 16 * 1024;

const COMMA = new TextEncoder().encode(",");

/** The descriptors of referrers as JSON, separated by commas, in pieces. */
export async function* readDescriptors(
  session: SqlSession,
  repository: RepositoryName,
  referrers: readonly Referrer[],
): AsyncGenerator<Uint8Array> {
  const slices = new WorkSlices();
  let isFirst = true;
  for (const group of groupsOf(referrers)) {
    const [only] = group;
    const isLarge = only !== undefined && only.descriptorBytes > SMALL_BYTES;
    const pieces = isLarge
      ? readPieces(session, DESCRIPTOR_PIECE, repository, only.digest)
      : readSmall(session, repository, group);
    let isFirstPiece = true;
    for await (const piece of pieces) {
      if (isFirstPiece && !isFirst) yield COMMA;
      isFirstPiece = false;
      isFirst = false;
      yield piece;
    }
    await slices.pause();
  }
}

/** Groups referrers whose descriptors are read together, in order; a large one forms a separate group. */
function* groupsOf(referrers: readonly Referrer[]): Generator<readonly Referrer[]> {
  let group: Referrer[] = [];
  let bytes = 0;
  for (const referrer of referrers) {
    if (group.length > 0 && bytes + referrer.descriptorBytes > SMALL_BYTES) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(referrer);
    bytes += referrer.descriptorBytes;
  }
  if (group.length > 0) yield group;
}

const DESCRIPTORS = `SELECT name.digest, manifest_descriptors.json
  FROM manifest_digests AS name
  JOIN manifest_descriptors ON manifest_descriptors.manifest_id = name.manifest_id
  WHERE name.repository = $1 AND name.digest IN ${inList(2)}`;

/** One piece with the descriptors of the group; none if all of them were deleted. */
async function* readSmall(
  session: SqlSession,
  repository: RepositoryName,
  group: readonly Referrer[],
): AsyncGenerator<Uint8Array> {
  const byDigest = new Map<Digest, Uint8Array>();
  for (const chunk of chunksOf(group.map(({ digest }) => digest))) {
    const rows = await session.query<{ digest: Digest; json: Uint8Array }>(DESCRIPTORS, [
      repository,
      ...chunk,
    ]);
    for (const { digest, json } of rows) byDigest.set(digest, json);
  }
  const parts = group.flatMap(({ digest }) => {
    const json = byDigest.get(digest);
    return json === undefined ? [] : [COMMA, json];
  });
  if (parts.length > 0) yield Buffer.concat(parts.slice(1));
}

const DESCRIPTOR_PIECE = `SELECT descriptor.size AS total, piece.bytes
  FROM manifest_digests AS name
  JOIN manifest_descriptors AS descriptor ON descriptor.manifest_id = name.manifest_id
  JOIN manifest_pieces AS piece
    ON piece.manifest_id = name.manifest_id AND piece.part = 'descriptor' AND piece.number = $3
  WHERE name.repository = $1 AND name.digest = $2`;

/** Stores a manifest's descriptor for referrers lists. One that was stored in pieces must be deleted first. */
export async function writeDescriptor(session: SqlSession, id: number, manifest: NewManifest): Promise<void> {
  const { mediaType, digest, bytes, artifactType, annotations } = manifest;
  const descriptor: Descriptor = {
    mediaType,
    digest,
    size: bytes.byteLength,
    artifactType,
    annotations,
  };
  const json = new TextEncoder().encode(JSON.stringify(descriptor));
  const isLarge = json.byteLength > SMALL_BYTES;
  await session.query(
    `INSERT INTO manifest_descriptors (manifest_id, size, json) VALUES ($1, $2, $3)
     ON CONFLICT (manifest_id) DO UPDATE SET size = excluded.size, json = excluded.json`,
    [id, json.byteLength, isLarge ? new Uint8Array(0) : json],
  );
  if (isLarge) await writePieces(session, id, "descriptor", json);
}
