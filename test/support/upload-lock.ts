import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

/**
 * Resolves once a request holds the lock of the upload at `location`, so that the server has begun to read its body.
 * The server must use the embedded defaults, with its data in `data`.
 */
export async function untilUploadIsHeld(data: string, location: string): Promise<void> {
  const id = uploadId(location);
  // As `FolderLocks` names the file of a lock.
  const name = createHash("sha256").update(`upload/${id}`).digest("hex").slice(0, 40);
  await eventually(() => existsSync(join(data, "metadata.sqlite-locks", name)));
}

/** The id of the upload at `location`. */
export function uploadId(location: string): string {
  return new URL(location, "http://registry").pathname.split("/").at(-1) as string;
}
