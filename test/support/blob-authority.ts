import type { BlobDescriptor } from "../../src/content/blob-services.ts";
import type { BlobLinks } from "../../src/metadata/ports/blob-ledger.ts";
import { openMetadataStore } from "../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../src/metadata/sqlite-engine.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { REPOSITORY } from "../contracts/metadata-store-samples.ts";
import { delegating } from "./delegating.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** The blob that {@link createAuthority} links, under this digest and its alias. */
export const LINKED_BLOB: BlobDescriptor = { digest: digestOf("blob"), size: 4 };
/** The other digest of {@link LINKED_BLOB}. */
export const LINKED_ALIAS = digestOf("blob", "sha512");

/** An authority of blob links, which counts how often it is asked. */
export interface CountingAuthority extends AsyncDisposable {
  readonly links: BlobLinks;
  readonly asked: () => number;
}

/** A metadata store on SQLite that links one blob into one repository. */
export async function createAuthority(): Promise<CountingAuthority> {
  const folder = await temporaryFolder("blob-links");
  const store = await openMetadataStore(await openSqliteEngine(`${folder.path}/metadata.db`));
  await store.links.linkBlob(REPOSITORY, LINKED_BLOB, [LINKED_BLOB.digest, LINKED_ALIAS]);
  let asked = 0;
  const links = delegating(store.links, {
    findLinkedBlob(repository, digest) {
      asked += 1;
      return store.links.findLinkedBlob(repository, digest);
    },
  });
  return {
    links,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
