import { describe, it } from "bun:test";
import type { ContentDriver } from "../../src/content/content-driver.ts";
import { BLOB_CASES } from "./content-driver-blobs.contract.ts";
import { UPLOAD_CASES } from "./content-driver-uploads.contract.ts";
import type { ContractCase } from "./metadata-store-samples.ts";

/** The contract of every {@link ContentDriver}. Each case gets a separate empty store. */
export const CONTENT_DRIVER_CASES: readonly ContractCase<ContentDriver>[] = [...BLOB_CASES, ...UPLOAD_CASES];

/** Registers the contract's tests for one implementation. `create` returns a driver over a new, empty store. */
export function contentDriverContract(
  name: string,
  create: () => Promise<{ readonly driver: ContentDriver } & AsyncDisposable>,
): void {
  describe(`ContentDriver contract: ${name}`, () => {
    for (const { name: behaviour, run } of CONTENT_DRIVER_CASES) {
      it(behaviour, async () => {
        await using store = await create();
        await run(store.driver);
      });
    }
  });
}
