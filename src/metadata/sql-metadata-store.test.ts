import { metadataStoreContract } from "../../test/contracts/metadata-store.contract.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openMetadataStore } from "./sql-metadata-store.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

metadataStoreContract("SQLite", async () => {
  const folder = await temporaryFolder("metadata-store");
  const store = await openMetadataStore(await openSqliteEngine(`${folder.path}/metadata.db`));
  const other = await openMetadataStore(await openSqliteEngine(`${folder.path}/metadata.db`));
  return {
    store,
    other,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
