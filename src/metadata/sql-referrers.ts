import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { PageRequest } from "./metadata-store.ts";
import type { SqlSession, SqlValue } from "./sql-engine.ts";

interface ReferrerRow {
  readonly digest: Digest;
  readonly media_type: string;
  readonly size: number;
  readonly artifact_type: string | null;
  readonly annotations: string | null;
}

const ANY_TYPE = `SELECT digest, media_type, size, artifact_type, annotations FROM manifests
  WHERE repository = $1 AND subject = $2 AND digest > $3 ORDER BY digest LIMIT $4`;

const ONE_TYPE = `SELECT digest, media_type, size, artifact_type, annotations FROM manifests
  WHERE repository = $1 AND subject = $2 AND artifact_type = $5 AND digest > $3 ORDER BY digest LIMIT $4`;

/** Descriptors of the manifests whose subject is `subject`, in ascending order of digest. */
export async function listReferrers(
  session: SqlSession,
  repository: RepositoryName,
  subject: Digest,
  filter: { readonly artifactType?: string },
  page: PageRequest<Digest>,
): Promise<readonly Descriptor[]> {
  const range: readonly SqlValue[] = [repository, subject, page.after ?? "", page.limit];
  const rows =
    filter.artifactType === undefined
      ? await session.query<ReferrerRow>(ANY_TYPE, range)
      : await session.query<ReferrerRow>(ONE_TYPE, [...range, filter.artifactType]);
  return rows.map(descriptor);
}

function descriptor(row: ReferrerRow): Descriptor {
  return {
    mediaType: row.media_type,
    digest: row.digest,
    size: row.size,
    ...(row.annotations === null ? {} : { annotations: JSON.parse(row.annotations) }),
    ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
  };
}
