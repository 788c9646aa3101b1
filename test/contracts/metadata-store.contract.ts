import { describe, it } from "bun:test";
import { BLOB_LINK_CASES } from "./metadata-store-blob-links.contract.ts";
import { CONCURRENCY_CASES } from "./metadata-store-concurrency.contract.ts";
import { CONDITION_CASES } from "./metadata-store-conditions.contract.ts";
import { LEDGER_CASES } from "./metadata-store-ledgers.contract.ts";
import { LISTING_CASES } from "./metadata-store-listings.contract.ts";
import { MANIFEST_CASES } from "./metadata-store-manifests.contract.ts";
import { MODEL_CASES } from "./metadata-store-model.contract.ts";
import { PACKAGE_INDEX_CASES } from "./metadata-store-package-index.contract.ts";
import { REFERENCE_CASES } from "./metadata-store-references.contract.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";

/** The contract of every {@link MetadataStore}. Each case gets two stores on a separate database. */
export const METADATA_STORE_CASES: readonly ContractCase<MetadataStores>[] = [
  ...BLOB_LINK_CASES,
  ...MANIFEST_CASES,
  ...REFERENCE_CASES,
  ...CONDITION_CASES,
  ...LISTING_CASES,
  ...LEDGER_CASES,
  ...PACKAGE_INDEX_CASES,
  ...CONCURRENCY_CASES,
  ...MODEL_CASES,
];

/** Time limit of one case, in milliseconds: far more than any case takes on an idle machine. */
export const CASE_TIMEOUT_MS = 60_000;

/** Registers the contract's tests for one implementation. `create` returns two stores on a new, empty database. */
export function metadataStoreContract(
  name: string,
  create: () => Promise<MetadataStores & AsyncDisposable>,
): void {
  describe(`MetadataStore contract: ${name}`, () => {
    for (const { name: behaviour, run } of METADATA_STORE_CASES) {
      it(
        behaviour,
        async () => {
          await using stores = await create();
          await run(stores);
        },
        CASE_TIMEOUT_MS,
      );
    }
  });
}
