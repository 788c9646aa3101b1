import { afterEach, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { digestOf } from "../oci/digest.ts";
import { BlobStore } from "./blob-store.ts";
import { FilesystemDriver } from "./filesystem-driver.ts";
import { HashThread } from "./hash-thread.ts";

const MIB = 1 << 20;
const threads: HashThread[] = [];

afterEach(() => {
  for (const thread of threads.splice(0)) thread[Symbol.dispose]();
});

function startThread(): HashThread {
  const thread = new HashThread();
  threads.push(thread);
  return thread;
}

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
}

async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield bytes.slice(offset, offset + size);
}

describe("HashThread", () => {
  it("computes several hashes at once, of shared and of other memory", async () => {
    const thread = startThread();
    const inputs = [randomBytes(3 * MIB), randomBytes(MIB), randomBytes(0)];
    const hashes = inputs.map(() => thread.begin(["sha256", "sha512"]));
    await Promise.all(
      inputs.map(async (bytes, i) => {
        const half = bytes.byteLength / 2;
        await hashes[i]?.update(shared(bytes).subarray(0, half));
        await hashes[i]?.update(bytes.subarray(half));
      }),
    );
    const blake3 = thread.begin(["blake3"]);
    await blake3.update(inputs[0] as Uint8Array);
    expect(`blake3:${await blake3.hex("blake3")}`).toBe(digestOf(inputs[0] as Uint8Array, "blake3"));
    for (const [i, bytes] of inputs.entries()) {
      expect(`sha256:${await hashes[i]?.hex("sha256")}`).toBe(digestOf(bytes));
      expect(`sha512:${await hashes[i]?.hex("sha512")}`).toBe(digestOf(bytes, "sha512"));
    }
  });

  it("rejects a request for a hash that it does not compute, and continues", async () => {
    const hash = startThread().begin(["sha256"]);
    await expect(hash.hex("sha512")).rejects.toThrow("sha512");
    expect(`sha256:${await hash.hex("sha256")}`).toBe(digestOf(""));
  });

  it("fails a hash for every caller when the system cannot start a thread", async () => {
    const thread = startThread();
    const { Worker } = globalThis;
    globalThis.Worker = class {
      constructor() {
        throw new TypeError("Failed to spawn worker thread");
      }
    } as unknown as typeof Worker;
    try {
      const hash = thread.begin(["sha256"]);
      expect(hash.isBroken).toBe(true);
      await expect(hash.update(shared(randomBytes(MIB)))).rejects.toThrow("could not be started");
      await expect(hash.hex("sha256")).rejects.toThrow("could not be started");
    } finally {
      globalThis.Worker = Worker;
    }
    const later = thread.begin(["sha256"]);
    expect(`sha256:${await later.hex("sha256")}`).toBe(digestOf(""));
    expect(later.isBroken).toBe(false);
  });

  it("fails running work when it is closed", async () => {
    const thread = startThread();
    const hash = thread.begin(["sha256"]);
    const update = hash.update(shared(randomBytes(MIB)));
    thread[Symbol.dispose]();
    await expect(update).rejects.toThrow("ended");
    await expect(hash.hex("sha256")).rejects.toThrow("ended");
    expect(hash.isBroken).toBe(true);
  });
});

describe("BlobStore with a hash thread", () => {
  const bytes = randomBytes(21 * MIB + 12_345);
  const digest = digestOf(bytes);

  it("verifies uploads in one go, in parts of any size, and many at once", async () => {
    await using folder = await temporaryFolder("hash-thread");
    await using driver = await FilesystemDriver.open({ root: folder.path });
    const store = new BlobStore(driver, { hashThread: startThread() });
    const push = async (cuts: readonly number[]) => {
      const upload = await store.create();
      const ends = [...cuts, bytes.byteLength];
      for (const [i, end] of ends.entries()) {
        await upload.append(inChunks(bytes.subarray(ends[i - 1] ?? 0, end), 100_000));
      }
      return upload;
    };
    const uploads = await Promise.all(
      [[], [5], [7 * MIB], [3 * MIB, 3 * MIB + 1], [4096, 9 * MIB], []].map(push),
    );
    for (const upload of uploads) {
      await expect(upload.commit({ digest: digestOf("other") })).rejects.toThrow("does not match");
      expect(await upload.commit({ digest })).toEqual({ digest, size: bytes.byteLength });
    }
    expect(digestOf(await new Response(await store.open({ digest, size: bytes.byteLength })).bytes())).toBe(
      digest,
    );
  });

  it("loses no upload when the thread fails: stored bytes are hashed again", async () => {
    await using folder = await temporaryFolder("hash-thread");
    await using driver = await FilesystemDriver.open({ root: folder.path });
    const thread = startThread();
    const store = new BlobStore(driver, { hashThread: thread });
    const upload = await store.create();
    const failing = async function* () {
      yield* inChunks(bytes.subarray(0, 10 * MIB), MIB);
      thread[Symbol.dispose]();
      yield* inChunks(bytes.subarray(10 * MIB), MIB);
    };
    await expect(upload.append(failing())).rejects.toThrow("ended");
    const kept = await upload.size();
    await upload.append(inChunks(bytes.subarray(kept), MIB));
    expect(await upload.commit({ digest })).toEqual({ digest, size: bytes.byteLength });
  });
});
