import { WorkSlices } from "../concurrency/work-slices.ts";
import type { Digest } from "../oci/digest.ts";
import type { Tag } from "../oci/reference.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import type { SqlSession } from "./sql-engine.ts";
import { chunksOf, inList } from "./statement-chunks.ts";

/** Rows to look up at a time. */
const BATCH = 1000;

const LIST_TAGS = "SELECT name FROM tags WHERE manifest_id = $1 LIMIT $2";
const DELETE_TAGS = `DELETE FROM tags WHERE repository = $1 AND name IN ${inList(2)}`;

const LIST_REFERENCES = "SELECT digest FROM manifest_references WHERE manifest_id = $1 LIMIT $2";
const DELETE_REFERENCES = `DELETE FROM manifest_references WHERE manifest_id = $1 AND digest IN ${inList(2)}`;

/**
 * Removes all tags of a manifest of the repository. There can be any number of them, so this works in pieces: one
 * statement for all of them would block the event loop.
 */
export async function deleteTagsOf(
  session: SqlSession,
  repository: RepositoryName,
  manifestId: number,
): Promise<void> {
  await deleteInPieces(
    async () => (await session.query<{ name: Tag }>(LIST_TAGS, [manifestId, BATCH])).map(({ name }) => name),
    (names) => session.query(DELETE_TAGS, [repository, ...names]),
  );
}

/** Removes all references of a manifest, in pieces as {@link deleteTagsOf} does. */
export async function deleteReferencesOf(session: SqlSession, manifestId: number): Promise<void> {
  await deleteInPieces(
    async () =>
      (await session.query<{ digest: Digest }>(LIST_REFERENCES, [manifestId, BATCH])).map(
        ({ digest }) => digest,
      ),
    (digests) => session.query(DELETE_REFERENCES, [manifestId, ...digests]),
  );
}

async function deleteInPieces(
  list: () => Promise<readonly string[]>,
  remove: (keys: readonly string[]) => Promise<unknown>,
): Promise<void> {
  const slices = new WorkSlices();
  for (let keys = await list(); keys.length > 0; keys = await list()) {
    for (const chunk of chunksOf(keys)) {
      await remove(chunk);
      await slices.pause();
    }
  }
}
