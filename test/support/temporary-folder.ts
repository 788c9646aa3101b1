import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder. Disposing of it removes it with its content. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;
}

/** A new, empty folder whose name begins with `slipway-` and `purpose`. */
export async function temporaryFolder(purpose: string): Promise<TemporaryFolder> {
  // In lower case, because podman derives an image's name from its path.
  const path = join(tmpdir(), `slipway-${purpose}-${randomUUID().slice(0, 8)}`);
  await mkdir(path, { mode: 0o700 });
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
