import { sqlEngineContract } from "../../test/contracts/sql-engine.contract.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { openSqliteEngine } from "./sqlite-engine.ts";

sqlEngineContract("SQLite", async () => {
  const folder = await temporaryFolder("sqlite-engine");
  const engine = await openSqliteEngine(`${folder.path}/metadata.db`);
  const other = await openSqliteEngine(`${folder.path}/metadata.db`);
  return {
    engine,
    other,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});
