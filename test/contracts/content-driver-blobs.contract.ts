import { expect } from "bun:test";
import { createContentHash } from "../../src/bytes/content-hash.ts";
import { nextTurn } from "../../src/concurrency/next-turn.ts";
import { type ContentDriver, createUploadId, StorageError } from "../../src/content/content-driver.ts";
import { digestOf, EMPTY_DIGEST } from "../../src/oci/digest.ts";
import {
  appendUpload,
  bytesOf,
  chunks,
  discardUpload,
  publishSample,
  publishUpload,
  sampleBytes,
  textOf,
  uploadSample,
} from "./content-driver-samples.ts";
import type { ContractCase } from "./metadata-store-samples.ts";

/** Tests of every driver: published bytes. */
export const BLOB_CASES: readonly ContractCase<ContentDriver>[] = [
  {
    name: "finds no blob that was never published",
    async run(driver) {
      const digest = digestOf("absent");
      expect(await driver.stat(digest)).toBeUndefined();
      expect(await driver.open(digest, 6)).toBeUndefined();
      await driver.delete(digest);
      expect(await Array.fromAsync(driver.list())).toEqual([]);
      expect(await Array.fromAsync(driver.listUploads())).toEqual([]);
    },
  },
  {
    name: "publishes an upload, and removes it",
    async run(driver) {
      const { id, revision } = await uploadSample(driver, "content");
      const digest = digestOf("content");
      expect(await driver.stat(digest)).toBeUndefined();
      await publishUpload(driver, id, digest, revision);
      expect(await driver.stat(digest)).toEqual({ size: 7 });
      expect(await textOf(await driver.open(digest, 7))).toBe("content");
      expect(await driver.statUpload(id)).toBeUndefined();
      expect(await Array.fromAsync(driver.listUploads())).toEqual([]);
    },
  },
  {
    name: "opens any range with exactly its length",
    async run(driver) {
      const content = sampleBytes(200_000);
      const digest = await publishSample(driver, content);
      for (const [start, end] of [
        [0, 1],
        [0, 200_000],
        [199_999, 200_000],
        [65_535, 131_073],
      ] as const) {
        const body = await driver.open(digest, 200_000, { start, end });
        expect(digestOf(await bytesOf(body))).toBe(digestOf(content.subarray(start, end)));
      }
    },
  },
  {
    name: "stores the empty blob",
    async run(driver) {
      const id = createUploadId();
      await driver.createUpload(id);
      const state = await appendUpload(driver, id, 0, chunks([]), () => {});
      await publishUpload(driver, id, EMPTY_DIGEST, state.revision);
      expect(await driver.stat(EMPTY_DIGEST)).toEqual({ size: 0 });
      expect(await bytesOf(await driver.open(EMPTY_DIGEST, 0))).toBeEmpty();
    },
  },
  {
    name: "does not open a blob of an unexpected size",
    async run(driver) {
      const digest = await publishSample(driver, "truncated", digestOf("the whole content"));
      const ranges = [undefined, { start: 0, end: 4 }, { start: 12, end: 17 }];
      for (const range of ranges) expect(await driver.open(digest, 17, range)).toBeUndefined();
      expect(await driver.open(digest, 3)).toBeUndefined();
    },
  },
  {
    name: "reads any range in pieces, and fails if there is no such blob",
    async run(driver) {
      const content = sampleBytes(200_000);
      const digest = await publishSample(driver, content);
      for (const [start, end] of [
        [0, 200_000],
        [199_999, 200_000],
        [65_535, 131_073],
      ] as const) {
        const hash = createContentHash("sha256");
        for await (const piece of driver.read(digest, 200_000, { start, end })) hash.update(piece);
        expect(`sha256:${hash.hex()}`).toBe(digestOf(content.subarray(start, end)));
      }
      const none = { start: 0, end: 4 };
      for (const reading of [driver.read(digest, 200_001, none), driver.read(digestOf("none"), 4, none)]) {
        await expect(Array.fromAsync(reading)).rejects.toBeInstanceOf(StorageError);
      }
    },
  },
  {
    name: "replaces what is stored under the digest",
    async run(driver) {
      const digest = digestOf("the whole content");
      await publishSample(driver, "damaged", digest);
      await publishSample(driver, "the whole content", digest);
      expect(await textOf(await driver.open(digest, 17))).toBe("the whole content");
      expect(await Array.fromAsync(driver.list())).toHaveLength(1);
    },
  },
  {
    name: "never shows part of a blob while it is published",
    async run(driver) {
      const content = sampleBytes(1_000_000);
      const digest = digestOf(content);
      const { id, revision } = await uploadSample(driver, content);
      let published = false;
      const publishing = publishUpload(driver, id, digest, revision).finally(() => {
        published = true;
      });
      const seen = new Set<number | undefined>();
      while (!published) {
        seen.add((await driver.stat(digest))?.size);
        await nextTurn();
      }
      await publishing;
      for (const size of seen) expect([undefined, content.byteLength]).toContain(size);
      expect(digestOf(await bytesOf(await driver.open(digest, content.byteLength)))).toBe(digest);
    },
  },
  {
    name: "does not publish an upload that changed after its revision was read",
    async run(driver) {
      const { id, revision } = await uploadSample(driver, "seen");
      const now = await appendUpload(driver, id, 4, chunks([" unseen"]), () => {});
      await expect(publishUpload(driver, id, digestOf("seen"), revision)).rejects.toBeInstanceOf(
        StorageError,
      );
      expect(await driver.stat(digestOf("seen"))).toBeUndefined();
      expect((await driver.statUpload(id))?.size).toBe(11);
      await publishUpload(driver, id, digestOf("seen unseen"), now.revision);
    },
  },
  {
    name: "removes a blob, which can then be published again",
    async run(driver) {
      const digest = await publishSample(driver, "content");
      await publishSample(driver, "other");
      await driver.delete(digest);
      await driver.delete(digest);
      expect(await driver.stat(digest)).toBeUndefined();
      expect(await driver.open(digest, 7)).toBeUndefined();
      await publishSample(driver, "content");
      expect(await textOf(await driver.open(digest, 7))).toBe("content");
      expect(await textOf(await driver.open(digestOf("other"), 5))).toBe("other");
    },
  },
  {
    name: "lists blobs in ascending order, from any point on",
    async run(driver) {
      const begun = Date.now() - 2000;
      const names = Array.from({ length: 20 }, (_, index) => `blob ${index}`);
      const digests = await Promise.all(names.map((name) => publishSample(driver, name)));
      const unfinished = await uploadSample(driver, "unfinished");
      const sorted = digests.toSorted();
      const listed = await Array.fromAsync(driver.list());
      expect(listed.map(({ digest }) => digest)).toEqual(sorted);
      for (const { digest, size, modifiedAt } of listed) {
        expect(size).toBe(names[digests.indexOf(digest)]?.length ?? -1);
        expect(modifiedAt.getTime()).toBeGreaterThan(begun);
      }
      const after = await Array.fromAsync(driver.list(sorted[7]));
      expect(after.map(({ digest }) => digest)).toEqual(sorted.slice(8));
      expect(await Array.fromAsync(driver.list(sorted.at(-1)))).toEqual([]);
      await discardUpload(driver, unfinished.id);
    },
  },
];
