import { expect } from "bun:test";
import { randomBytes } from "node:crypto";
import { createContentHash } from "../../src/bytes/content-hash.ts";
import { type ContentDriver, createUploadId, StorageError } from "../../src/content/content-driver.ts";
import { digestOf } from "../../src/oci/digest.ts";
import {
  appendUpload,
  bytesOf,
  chunks,
  discardUpload,
  gather,
  pieces,
  publishSample,
  publishUpload,
  sampleBytes,
  textOf,
  truncateUpload,
  uploadSample,
} from "./content-driver-samples.ts";
import type { ContractCase } from "./metadata-store-samples.ts";

const ignore = () => {};
const UNKNOWN = createUploadId();

/** Tests of every driver: uploads. */
export const UPLOAD_CASES: readonly ContractCase<ContentDriver>[] = [
  {
    name: "creates an empty upload, once",
    async run(driver) {
      const id = createUploadId();
      expect(await driver.statUpload(id)).toBeUndefined();
      await driver.createUpload(id);
      expect((await driver.statUpload(id))?.size).toBe(0);
      expect(await gather(driver.readUpload(id))).toBeEmpty();
      await expect(driver.createUpload(id)).rejects.toBeInstanceOf(StorageError);
    },
  },
  {
    name: "appends in several calls, and returns the new state",
    async run(driver) {
      const { id } = await uploadSample(driver, "one ");
      const state = await appendUpload(driver, id, 4, chunks(["two ", "three"]), ignore);
      expect(state.size).toBe(13);
      expect(await driver.statUpload(id)).toEqual(state);
      expect(new TextDecoder().decode(await gather(driver.readUpload(id)))).toBe("one two three");
    },
  },
  {
    name: "changes the revision only when the bytes change",
    async run(driver) {
      const { id, revision } = await uploadSample(driver, "one");
      expect((await driver.statUpload(id))?.revision).toBe(revision);
      const appended = await appendUpload(driver, id, 3, chunks(["two"]), ignore);
      expect(appended.revision).not.toBe(revision);
    },
  },
  {
    name: "passes each byte to the tap once, in order",
    async run(driver) {
      const id = createUploadId();
      await driver.createUpload(id);
      let seen = "";
      await appendUpload(driver, id, 0, chunks(["a", "bc", "", "d"]), (piece) => {
        seen += new TextDecoder().decode(piece);
      });
      expect(seen).toBe("abcd");
    },
  },
  {
    name: "waits for the tap, and does not change a piece before that",
    async run(driver) {
      const id = createUploadId();
      await driver.createUpload(id);
      const hash = createContentHash("sha256");
      let last = Promise.resolve();
      const slowTap = (piece: Uint8Array) => {
        last = last.then(() => Bun.sleep(1)).then(() => hash.update(piece));
        return last;
      };
      const parts = Array.from({ length: 20 }, () => randomBytes(1 << 20));
      const { size } = await appendUpload(driver, id, 0, chunks(parts), slowTap);
      expect(size).toBe(20 << 20);
      expect(`sha256:${hash.hex()}`).toBe(digestOf(Buffer.concat(parts)));
    },
  },
  {
    name: "fails an append with the error of its tap, thrown at once or later, and continues with others",
    async run(driver) {
      const fail = (): never => {
        throw new Error("tap failed");
      };
      for (let turn = 0; turn < 20; turn += 1) {
        const id = createUploadId();
        await driver.createUpload(id);
        const failing = turn % 2 === 0 ? fail : async () => fail();
        const append = appendUpload(driver, id, 0, chunks(["a"]), failing);
        await expect(append).rejects.toThrow("tap failed");
        await discardUpload(driver, id);
      }
      await publishSample(driver, "after so many failures");
    },
  },
  {
    name: "keeps the bytes from before the source failed, and rethrows its error",
    async run(driver) {
      const { id } = await uploadSample(driver, "begun ");
      const failure = new Error("the client went away");
      const broken = appendUpload(driver, id, 6, chunks(["half ", "way "], failure), ignore);
      await expect(broken).rejects.toBe(failure);
      expect((await driver.statUpload(id))?.size).toBe(15);
      const { revision } = await appendUpload(driver, id, 15, chunks(["done"]), ignore);
      const digest = digestOf("begun half way done");
      await publishUpload(driver, id, digest, revision);
      expect(await textOf(await driver.open(digest, 19))).toBe("begun half way done");
    },
  },
  {
    name: "keeps every byte of large content, however it is split",
    async run(driver) {
      const content = sampleBytes(7_654_321);
      const id = createUploadId();
      await driver.createUpload(id);
      const middle = 3_000_001;
      const sizes = [1, 65_536, 524_288, 17, 1_500_000, 65_535];
      await appendUpload(driver, id, 0, chunks(pieces(content.subarray(0, middle), sizes)), ignore);
      const state = await appendUpload(
        driver,
        id,
        middle,
        chunks(pieces(content.subarray(middle), sizes)),
        ignore,
      );
      expect(digestOf(await gather(driver.readUpload(id)))).toBe(digestOf(content));
      await publishUpload(driver, id, digestOf(content), state.revision);
      const stored = await bytesOf(await driver.open(digestOf(content), content.byteLength));
      expect(digestOf(stored)).toBe(digestOf(content));
    },
  },
  {
    name: "continues an upload after reading it, which does not change it",
    async run(driver) {
      const content = sampleBytes(6_500_000);
      const { id, revision } = await uploadSample(driver, content.subarray(0, 5_500_000));
      for (let round = 0; round < 2; round += 1) {
        expect(digestOf(await gather(driver.readUpload(id)))).toBe(digestOf(content.subarray(0, 5_500_000)));
        expect(await driver.statUpload(id)).toEqual({ size: 5_500_000, revision });
      }
      const rest = chunks([content.subarray(5_500_000)]);
      const state = await appendUpload(driver, id, 5_500_000, rest, ignore);
      expect(state.size).toBe(content.byteLength);
      expect(digestOf(await gather(driver.readUpload(id)))).toBe(digestOf(content));
      await publishUpload(driver, id, digestOf(content), state.revision);
      const stored = await bytesOf(await driver.open(digestOf(content), content.byteLength));
      expect(digestOf(stored)).toBe(digestOf(content));
    },
  },
  {
    name: "truncates an upload to any size, and continues from there",
    async run(driver) {
      const content = sampleBytes(11_000_000);
      const { id } = await uploadSample(driver, content.subarray(0, 5_600_000));
      await appendUpload(driver, id, 5_600_000, chunks([content.subarray(5_600_000)]), ignore);
      for (const size of [11_000_000, 10_900_000, 10_485_760, 5_700_000, 1_000, 0]) {
        expect((await truncateUpload(driver, id, size)).size).toBe(size);
        const other = sampleBytes(6_000_000, size + 2);
        const appended = await appendUpload(driver, id, size, chunks([other]), ignore);
        expect(appended.size).toBe(size + 6_000_000);
        const cut = await truncateUpload(driver, id, size);
        expect(await driver.statUpload(id)).toEqual(cut);
        expect(cut.revision).not.toBe(appended.revision);
        expect(digestOf(await gather(driver.readUpload(id)))).toBe(digestOf(content.subarray(0, size)));
      }
      const { revision } = await appendUpload(driver, id, 0, chunks(["all new"]), ignore);
      await publishUpload(driver, id, digestOf("all new"), revision);
      expect(await textOf(await driver.open(digestOf("all new"), 7))).toBe("all new");
    },
  },
  {
    name: "refuses to truncate a missing or a shorter upload",
    async run(driver) {
      await expect(truncateUpload(driver, UNKNOWN, 0)).rejects.toBeInstanceOf(StorageError);
      const { id, revision } = await uploadSample(driver, "four");
      await expect(truncateUpload(driver, id, 5)).rejects.toBeInstanceOf(StorageError);
      expect(await driver.statUpload(id)).toEqual({ size: 4, revision });
    },
  },
  {
    name: "keeps none of the source's own buffers",
    async run(driver) {
      const id = createUploadId();
      await driver.createUpload(id);
      const state = await appendUpload(driver, id, 0, reusedBuffer(), ignore);
      await publishUpload(driver, id, digestOf("aabbcc"), state.revision);
      expect(await textOf(await driver.open(digestOf("aabbcc"), 6))).toBe("aabbcc");
    },
  },
  {
    name: "receives many uploads at once without mixing them",
    async run(driver) {
      const contents = Array.from({ length: 12 }, (_, index) => sampleBytes(300_000 + index, index + 1));
      const digests = await Promise.all(contents.map((content) => publishSample(driver, content)));
      for (const [index, digest] of digests.entries()) {
        const size = 300_000 + index;
        expect(digestOf(await bytesOf(await driver.open(digest, size)))).toBe(digest);
      }
    },
  },
  {
    name: "refuses to append to, read or publish a missing upload",
    async run(driver) {
      await expect(appendUpload(driver, UNKNOWN, 0, chunks(["a"]), ignore)).rejects.toBeInstanceOf(
        StorageError,
      );
      await expect(gather(driver.readUpload(UNKNOWN))).rejects.toBeInstanceOf(StorageError);
      await expect(publishUpload(driver, UNKNOWN, digestOf("a"), "1")).rejects.toBeInstanceOf(StorageError);
      expect(await driver.stat(digestOf("a"))).toBeUndefined();
    },
  },
  {
    name: "drops an upload with its bytes, and does nothing the second time",
    async run(driver) {
      const { id, revision } = await uploadSample(driver, "dropped");
      await discardUpload(driver, id);
      await discardUpload(driver, id);
      expect(await driver.statUpload(id)).toBeUndefined();
      await expect(publishUpload(driver, id, digestOf("dropped"), revision)).rejects.toBeInstanceOf(
        StorageError,
      );
      expect(await driver.stat(digestOf("dropped"))).toBeUndefined();
    },
  },
  {
    name: "lists uploads in progress with their size and the time of their last change",
    async run(driver) {
      const begun = Date.now() - 2000;
      const first = await uploadSample(driver, "first");
      const second = await uploadSample(driver, "");
      const ended = await uploadSample(driver, "ended");
      await publishUpload(driver, ended.id, digestOf("ended"), ended.revision);
      const uploads = await Array.fromAsync(driver.listUploads());
      expect(uploads.map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());
      expect(uploads.map(({ size }) => size).sort()).toEqual([0, 5]);
      for (const { modifiedAt } of uploads) expect(modifiedAt.getTime()).toBeGreaterThan(begun);
    },
  },
];

/** Yields the same buffer three times, with different bytes each time. */
async function* reusedBuffer(): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(2);
  for (const letter of "abc") yield buffer.fill(letter.charCodeAt(0));
  buffer.fill(0);
}
