import type { BlobUpload } from "../content/blob-services.ts";
import type { UploadLedger } from "../metadata/ports/upload-ledger.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { RepositoryName } from "../oci/repository-name.ts";
import { cancelled, isBusy, isGone, unlessBusy } from "./upload-faults.ts";

/** How often to check whether another process ended the session, in milliseconds. */
const WATCH_INTERVAL_MS = 1_500;

/** How long a client should wait before it retries a busy upload, in seconds. */
const RETRY_AFTER_SECONDS = 2;

/** Watches the session of an upload while a request works on it. */
export class UploadWatch {
  readonly #ledger: Pick<UploadLedger, "findUpload">;

  constructor(ledger: Pick<UploadLedger, "findUpload">) {
    this.#ledger = ledger;
  }

  /**
   * Runs `work` on an upload, and ends it if another process ends the session. A failure then means that the session
   * is gone.
   */
  async run<Result>(
    repository: RepositoryName,
    upload: BlobUpload,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const hasEnded = async () => (await this.#ledger.findUpload(repository, upload.id)) === undefined;
    const check = async () => {
      if (await hasEnded()) await upload.cancel();
    };
    // If this fails, the next check tries again. If bytes stay, the expiry removes them.
    const timer = setInterval(() => void check().catch(() => undefined), WATCH_INTERVAL_MS);
    try {
      return await work();
    } catch (error) {
      if (isBusy(error)) throw await busyAt(upload, error);
      const isOver =
        isGone(error) || (!(error instanceof RegistryError) && (await hasEnded().catch(() => false)));
      if (!isOver) throw error;
      // The process that ended the session may have left the bytes to this request.
      await upload.cancel().catch(unlessBusy);
      throw isGone(error) ? error : cancelled(error);
    } finally {
      clearInterval(timer);
    }
  }
}

async function busyAt(upload: BlobUpload, { message }: RegistryError): Promise<RegistryError> {
  const size = await upload.size().catch((error: unknown) => {
    // A running finish has already published the bytes.
    if (!isGone(error)) throw error;
  });
  const detail = { ...(size === undefined ? {} : { size }), retryAfterSeconds: RETRY_AFTER_SECONDS };
  return new RegistryError("upload-busy", message, { detail });
}
