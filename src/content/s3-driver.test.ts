import { afterAll, expect, it } from "bun:test";
import { contentDriverContract } from "../../test/contracts/content-driver.contract.ts";
import {
  appendUpload,
  bytesOf,
  chunks,
  publishSample,
  publishUpload,
  sampleBytes,
  textOf,
} from "../../test/contracts/content-driver-samples.ts";
import { eventually } from "../../test/support/eventually.ts";
import { findProgram } from "../../test/support/find-program.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { S3_MAKES, S3Server } from "../../test/support/s3-server.ts";
import { startSeveringProxy } from "../../test/support/severing-proxy.ts";
import { digestOf } from "../oci/digest.ts";
import { BlobStore } from "./blob-store.ts";
import { createUploadId, StorageError } from "./content-driver.ts";
import { S3Bucket } from "./s3-bucket.ts";
import type { S3BucketOptions } from "./s3-connection.ts";
import { S3Driver, type S3DriverOptions } from "./s3-driver.ts";

const MIB = 1 << 20;
const PART = 5 * MIB;
const ignore = () => {};

/** The chunks, and then nothing more until `released`. */
async function* stalling(
  parts: readonly Uint8Array[],
  released: Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  yield* parts;
  await released;
}

for (const make of S3_MAKES) {
  const missing = `${make.program} is neither in SLIPWAY_TEST_BIN nor on PATH`;
  describeWith(`S3Driver on ${make.name}`, findProgram(make.program) !== undefined, missing, () => {
    let started: Promise<S3Server> | undefined;
    const createBucket = async (): Promise<S3BucketOptions> => {
      started ??= S3Server.start(make);
      return (await started).createBucket();
    };
    const open = (bucket: S3BucketOptions, options: Partial<S3DriverOptions> = {}) =>
      S3Driver.open({ ...bucket, partSizeBytes: PART, ...options });
    afterAll(async () => {
      await (await started)?.[Symbol.asyncDispose]();
    });

    contentDriverContract(`S3 on ${make.name}`, async () => {
      const driver = await open(await createBucket());
      return { driver, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
    });

    contentDriverContract(`S3 on ${make.name}, below a prefix`, async () => {
      const driver = await open(await createBucket(), { prefix: "a/registry/" });
      return { driver, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
    });

    it("serves the blobs of a bucket that Distribution filled", async () => {
      const options = await createBucket();
      const bucket = await S3Bucket.connect(options);
      const hex = new Bun.CryptoHasher("sha256").update("adopted").digest("hex");
      const key = `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
      await bucket.put(key, new TextEncoder().encode("adopted"));
      await using driver = await open(options);
      expect(await textOf(await driver.open(digestOf("adopted"), 7))).toBe("adopted");
      expect(await Array.fromAsync(driver.list(), ({ digest }) => digest)).toEqual([digestOf("adopted")]);
      bucket.close();
    });

    it("refuses to open a bucket that does not exist", async () => {
      const options = { ...(await createBucket()), bucket: "no-such-bucket" };
      await expect(open(options)).rejects.toBeInstanceOf(StorageError);
    });

    it("continues an upload at another instance after its writer stopped in the middle", async () => {
      const options = await createBucket();
      await using first = await open(options);
      await using second = await open(options);
      const content = sampleBytes(3 * PART + 1000);
      const released = Promise.withResolvers<void>();
      const { id } = await new BlobStore(first).create();
      const writing = appendUpload(
        first,
        id,
        0,
        stalling([content.subarray(0, 2 * PART + 99)], released.promise),
        ignore,
      );
      const store = new BlobStore(second);
      const upload = await store.resume(id);
      await eventually(async () => (await upload?.size()) === 2 * PART);
      expect(await upload?.append(chunks([content.subarray(2 * PART)]), 2 * PART)).toBe(content.byteLength);
      const descriptor = await upload?.commit({ digest: digestOf(content) });
      expect(descriptor).toEqual({ digest: digestOf(content), size: content.byteLength });
      expect(digestOf(await bytesOf(await first.open(digestOf(content), content.byteLength)))).toBe(
        digestOf(content),
      );
      released.resolve();
      // The late writer may fail or succeed, but the published blob must not change.
      await writing.catch(ignore);
      expect(digestOf(await bytesOf(await second.open(digestOf(content), content.byteLength)))).toBe(
        digestOf(content),
      );
    });

    it("never publishes interleaved bytes from two instances", async () => {
      const options = await createBucket();
      await using first = await open(options);
      await using second = await open(options);
      const [mine, theirs] = [sampleBytes(PART + 10, 1), sampleBytes(PART + 10, 2)];
      const upload = await new BlobStore(first).create();
      await upload.append(chunks([mine.subarray(0, 5)]));
      await new BlobStore(second).resume(upload.id);
      const released = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const slow = (async function* () {
        begun.resolve();
        await released.promise;
        yield theirs.subarray(5);
      })();
      await second.statUpload(upload.id);
      const interfering = appendUpload(second, upload.id, 5, slow, ignore);
      await begun.promise;
      await upload.append(chunks([mine.subarray(5)]), 5);
      released.resolve();
      await interfering.catch(ignore);
      await upload.commit({ digest: digestOf(mine) }).catch(ignore);
      for await (const { digest, size } of first.list()) {
        expect(digestOf(await bytesOf(await first.open(digest, size)))).toBe(digest);
      }
    });

    it("continues an upload whose parts were larger than they are now", async () => {
      const options = await createBucket();
      const content = sampleBytes(9 * MIB);
      const id = createUploadId();
      await using large = await open(options, { partSizeBytes: 8 * MIB });
      await large.createUpload(id);
      await appendUpload(large, id, 0, chunks([content.subarray(0, 7 * MIB)]), ignore);
      await using small = await open(options);
      const { revision } = await appendUpload(
        small,
        id,
        7 * MIB,
        chunks([content.subarray(7 * MIB)]),
        ignore,
      );
      await publishUpload(small, id, digestOf(content), revision);
      expect(digestOf(await bytesOf(await small.open(digestOf(content), 9 * MIB)))).toBe(digestOf(content));
    });

    it("serves more uploads than it has buffers for, although some clients stall", async () => {
      await using driver = await open(await createBucket(), { bufferBytes: 2 * PART });
      const store = new BlobStore(driver);
      const released = Promise.withResolvers<void>();
      const stalled = await Promise.all([store.create(), store.create()]);
      const [begun, rest] = [sampleBytes(MIB), sampleBytes(1000, 7)];
      const waiting = stalled.map((upload) => upload.append(stallingThen(begun, released.promise, rest)));
      const contents = Array.from({ length: 3 }, (_, seed) => sampleBytes(PART + 500_000, seed + 20));
      for (const content of contents) {
        const upload = await store.create();
        await upload.append(chunks([content]));
        expect((await upload.commit({ digest: digestOf(content) })).size).toBe(content.byteLength);
      }
      released.resolve();
      await Promise.all(waiting);
      const whole = new Uint8Array([...begun, ...rest]);
      for (const upload of stalled) {
        expect((await upload.commit({ digest: digestOf(whole) })).size).toBe(whole.byteLength);
      }
    }, 20_000);

    it("keeps the bytes that it has when it cannot read them back, whatever it is given next", async () => {
      const options = await createBucket();
      await using direct = await open(options);
      const content = sampleBytes(3 * MIB + 1000);
      const { id } = await new BlobStore(direct).create();
      await appendUpload(direct, id, 0, chunks([content.subarray(0, 3 * MIB)]), ignore);
      await using proxy = await startSeveringProxy(Number(new URL(options.endpoint ?? "").port));
      await using driver = await open({ ...options, endpoint: `http://${proxy.address}`, maxAttempts: 1 });
      const source = (async function* () {
        // The next answers are those to the read, which may be tried again.
        proxy.severAfter(0, 4);
        yield content.subarray(3 * MIB);
      })();
      await expect(appendUpload(driver, id, 3 * MIB, source, ignore)).rejects.toBeInstanceOf(StorageError);
      expect(proxy.severed()).toBeGreaterThan(0);
      expect((await direct.statUpload(id))?.size).toBe(3 * MIB);
      const { revision } = await appendUpload(
        direct,
        id,
        3 * MIB,
        chunks([content.subarray(3 * MIB)]),
        ignore,
      );
      await publishUpload(direct, id, digestOf(content), revision);
      const body = await direct.open(digestOf(content), content.byteLength);
      expect(digestOf(await bytesOf(body))).toBe(digestOf(content));
    });

    it("forgets a blob once an open found it lost, and finds it again once it was pushed", async () => {
      const options = await createBucket();
      await using driver = await open(options);
      await using other = await open(options);
      const digest = await publishSample(driver, "content");
      expect(await driver.stat(digest)).toEqual({ size: 7 });
      await other.delete(digest);
      expect(await driver.open(digest, 7)).toBeUndefined();
      expect(await driver.stat(digest)).toBeUndefined();
      await publishSample(driver, "content");
      expect(await driver.stat(digest)).toEqual({ size: 7 });
    });

    it("continues a read where its connection broke, and fails when it cannot", async () => {
      const options = await createBucket();
      // More than the buffers in between hold, so that the cut comes before the last bytes.
      const content = sampleBytes(32 * MIB);
      await using direct = await open(options);
      const digest = await publishSample(direct, content);
      await using proxy = await startSeveringProxy(Number(new URL(options.endpoint ?? "").port));
      await using driver = await open({ ...options, endpoint: `http://${proxy.address}`, maxAttempts: 2 });
      proxy.severAfter(MIB, 2);
      expect(digestOf(await bytesOf(await driver.open(digest, content.byteLength)))).toBe(digest);
      expect(proxy.severed()).toBe(2);
      proxy.severAfter(0, 1000);
      await expect(driver.open(digest, content.byteLength)).rejects.toBeInstanceOf(StorageError);
      proxy.severAfter(0, 0);
      const body = await driver.open(digest, content.byteLength);
      proxy.severAfter(0, 1000);
      await expect(bytesOf(body)).rejects.toBeInstanceOf(StorageError);
    }, 20_000);

    it("returns URLs for direct download if configured", async () => {
      const options = await createBucket();
      await using plain = await open(options);
      const digest = await publishSample(plain, "content");
      expect(await plain.locate(digest)).toBeUndefined();
      await using driver = await open(options, { redirect: {} });
      const url = await new BlobStore(driver).locate({ digest, size: 7 });
      expect(await (await fetch(url ?? "")).text()).toBe("content");
      const part = await fetch(url ?? "", { headers: { range: "bytes=3-4" } });
      expect([part.status, await part.text()]).toEqual([206, "te"]);
    });
  });
}

async function* stallingThen(first: Uint8Array, released: Promise<unknown>, last: Uint8Array) {
  yield first;
  await released;
  yield last;
}
