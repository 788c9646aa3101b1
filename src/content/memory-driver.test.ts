import { expect, it } from "bun:test";
import { contentDriverContract } from "../../test/contracts/content-driver.contract.ts";
import {
  appendUpload,
  chunks,
  discardUpload,
  publishSample,
  uploadSample,
} from "../../test/contracts/content-driver-samples.ts";
import { StorageError } from "./content-driver.ts";
import { MemoryDriver } from "./memory-driver.ts";

contentDriverContract("memory", async () => {
  const driver = new MemoryDriver({ maxBytes: 64 << 20 });
  return { driver, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
});

it("stores no more than its limit, and accepts more once something is removed", async () => {
  await using driver = new MemoryDriver({ maxBytes: 10 });
  const digest = await publishSample(driver, "123456");
  const { id } = await uploadSample(driver, "1234");
  await expect(appendUpload(driver, id, 4, chunks(["5"]), () => {})).rejects.toBeInstanceOf(StorageError);
  await driver.delete(digest);
  expect((await appendUpload(driver, id, 4, chunks(["567890"]), () => {})).size).toBe(10);
  await discardUpload(driver, id);
  await publishSample(driver, "1234567890");
});
