/**
 * Writes to a filesystem store until it is killed: `bun upload-process.ts ROOT publish|append`.
 *
 * `publish` prints the digest of each blob once it is published; `append` prints an upload's id and appends to it
 * without end.
 */
import { BlobStore } from "../../src/content/blob-store.ts";
import { FilesystemDriver } from "../../src/content/filesystem-driver.ts";
import { chunks, sampleBytes } from "../contracts/content-driver-samples.ts";

/** The endless upload repeats these bytes. */
export const PATTERN = sampleBytes(100_003);

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) {
    yield PATTERN;
    await Bun.sleep(0);
  }
}

async function publishForEver(store: BlobStore): Promise<never> {
  for (let turn = 0; ; turn += 1) {
    const upload = await store.create();
    await upload.append(chunks([sampleBytes(300_000, turn)]));
    const { digest } = await upload.commitUnclaimed();
    process.stdout.write(`${digest}\n`);
  }
}

if (import.meta.main) {
  const [root = "", mode] = process.argv.slice(2);
  const store = new BlobStore(await FilesystemDriver.open({ root }));
  if (mode === "publish") await publishForEver(store);
  const upload = await store.create();
  process.stdout.write(`${upload.id}\n`);
  await upload.append(endless());
}
