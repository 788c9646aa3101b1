import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { NewManifest, Referrer } from "./ports/manifest-ledger.ts";
import type { PageRequest } from "./ports/page-request.ts";
import type { SqlSession, SqlValue } from "./sql-engine.ts";
import { readPieces, writePieces } from "./sql-pieces.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

interface ReferrerRow {
  readonly digest: Digest;
  readonly bytes: number;
}

const REFERRER = `manifests.digest, manifest_descriptors.size AS bytes
  FROM manifests JOIN manifest_descriptors ON manifest_descriptors.manifest_id = manifests.id`;

const ANY_TYPE = `SELECT ${REFERRER}
  WHERE repository = $1 AND subject = $2 AND digest > $3 ORDER BY digest LIMIT $4`;

const ONE_TYPE = `SELECT ${REFERRER}
  WHERE repository = $1 AND subject = $2 AND artifact_type = $5 AND digest > $3 ORDER BY digest LIMIT $4`;

/** The manifests whose subject is `subject`, in ascending order of digest. */
export async function listReferrers(
  session: SqlSession,
  repository: RepositoryName,
  subject: Digest,
  filter: { readonly artifactType?: string },
  page: PageRequest<Digest>,
): Promise<readonly Referrer[]> {
  const range: readonly SqlValue[] = [repository, subject, page.after ?? "", page.limit];
  const rows =
    filter.artifactType === undefined
      ? await session.query<ReferrerRow>(ANY_TYPE, range)
      : await session.query<ReferrerRow>(ONE_TYPE, [...range, filter.artifactType]);
  return rows.map(referrer);
}

const AMONG = `SELECT name.digest, manifest_descriptors.size AS bytes
  FROM manifest_digests AS name
  JOIN manifests ON manifests.id = name.manifest_id
  JOIN manifest_descriptors ON manifest_descriptors.manifest_id = manifests.id
  WHERE name.repository = $1 AND (manifests.subject IS NULL OR manifests.subject <> $2)
    AND ($3 = '' OR manifests.artifact_type = $3) AND name.digest IN ${inList(4)}`;

/** The `candidates` that the repository stores and that do not name `subject` themselves. */
export async function findReferrers(
  session: SqlSession,
  repository: RepositoryName,
  subject: Digest,
  filter: { readonly artifactType?: string },
  candidates: readonly Digest[],
): Promise<readonly Referrer[]> {
  const found: ReferrerRow[] = [];
  for (const chunk of chunksOf(candidates)) {
    const asked = [repository, subject, filter.artifactType ?? "", ...chunk];
    found.push(...(await session.query<ReferrerRow>(AMONG, asked)));
  }
  return found.map(referrer);
}

function referrer({ digest, bytes }: ReferrerRow): Referrer {
  return { digest, descriptorBytes: bytes };
}

/**
 * Maximum bytes of a descriptor that is stored whole, and of small descriptors to read together, before other requests
 * get their turn.
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
    let begins = true;
    for await (const piece of pieces) {
      if (begins && !isFirst) yield COMMA;
      begins = false;
      isFirst = false;
      yield piece;
    }
    await slices.pause();
  }
}

/** Groups referrers whose descriptors are read together, in order; a large one is a group of its own. */
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
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
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
