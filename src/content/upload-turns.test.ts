import { describe, expect, it } from "bun:test";
import { chunks } from "../../test/contracts/content-driver-samples.ts";
import { digestOf } from "../oci/digest.ts";
import { BlobStore } from "./blob-store.ts";
import type { UploadId, UploadState } from "./content-driver.ts";
import { MemoryDriver } from "./memory-driver.ts";
import type { UploadPatience } from "./upload-turns.ts";

const bounds = { maxBytes: 1 << 20 };
const storeWith = (patience: UploadPatience) => new BlobStore(new MemoryDriver(bounds), { patience });

/** A source that yields some text, then waits for `goOn`. */
function hanging(text: string) {
  const { promise: isRead, resolve: read } = Promise.withResolvers<void>();
  const { promise: rest, resolve: goOn } = Promise.withResolvers<void>();
  const source = async function* () {
    yield* chunks([text]);
    read();
    await rest;
  };
  return { source: source(), isRead, goOn };
}

/** A driver on slow storage: the test decides when it reads the state of an upload, and when it returns it. */
class SlowStat extends MemoryDriver {
  #next: ((read: () => Promise<UploadState | undefined>) => Promise<UploadState | undefined>) | undefined;

  /** Holds the next `statUpload`. It reads on `read`, and resolves on `answer`. */
  holdNextStat(): { readonly read: () => Promise<void>; readonly answer: () => void } {
    const [begin, done, answer] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
    this.#next = async (read) => {
      await begin?.promise;
      const state = await read();
      done?.resolve();
      await answer?.promise;
      return state;
    };
    return {
      async read() {
        begin?.resolve();
        await done?.promise;
      },
      answer: () => answer?.resolve(),
    };
  }

  override async statUpload(id: UploadId) {
    const hold = this.#next;
    this.#next = undefined;
    const read = () => super.statUpload(id);
    return hold === undefined ? read() : hold(read);
  }
}

describe("requests to one upload", () => {
  it("end a silent append, and continue where it stopped", async () => {
    const store = storeWith({ waitMs: 10_000, silenceMs: 20 });
    const upload = await store.create();
    const { source, isRead } = hanging("begin");
    const first = upload.append(source).catch((error: unknown) => error);
    await isRead;
    expect(await upload.append(chunks([" end"]), 5)).toBe(9);
    expect(await first).toMatchObject({ fault: "upload-busy" });
    expect((await upload.commit({ digest: digestOf("begin end") })).size).toBe(9);
  });

  it("do not interrupt an append whose client still sends, and give up after a while", async () => {
    const store = storeWith({ waitMs: 50, silenceMs: 10_000 });
    const upload = await store.create();
    const { source, isRead, goOn } = hanging("begin");
    const first = upload.append(source);
    await isRead;
    const others = await Promise.allSettled([
      upload.append(chunks(["other"])),
      upload.commit({ digest: digestOf("begin") }),
      upload.commitWith({ source: chunks(["other"]) }, { digest: digestOf("other") }),
    ]);
    expect(others).toMatchObject(Array(3).fill({ status: "rejected", reason: { fault: "upload-busy" } }));
    goOn();
    expect(await first).toBe(5);
  });

  it("end a silent closing PUT, and drop its bytes", async () => {
    const store = storeWith({ waitMs: 10_000, silenceMs: 20 });
    const upload = await store.create();
    await upload.append(chunks(["begin"]));
    const { source, isRead } = hanging(" half");
    const closing = upload.commitWith({ source }, { digest: digestOf("begin half") });
    const failure = closing.catch((error: unknown) => error);
    await isRead;
    expect(await upload.size()).toBe(5);
    expect(await upload.append(chunks([" end"]), 5)).toBe(9);
    expect(await failure).toMatchObject({ fault: "upload-busy" });
  });

  it("never report a size that a closing PUT takes back, however slow the storage is", async () => {
    for (const outcome of ["while it runs", "after it failed"]) {
      const driver = new SlowStat(bounds);
      const store = new BlobStore(driver, { patience: { waitMs: 10_000, silenceMs: 10_000 } });
      const upload = await store.create();
      await upload.append(chunks(["begin"]));
      const stat = driver.holdNextStat();
      const size = upload.size();
      const { source, isRead, goOn } = hanging(" half");
      const closing = upload.commitWith({ source }, { digest: digestOf("other") }).catch((error) => error);
      await isRead;
      await stat.read();
      if (outcome === "while it runs") stat.answer();
      goOn();
      expect(await closing).toMatchObject({ fault: "digest-mismatch" });
      stat.answer();
      expect(await size).toBe(5);
    }
  });

  it("are ended by a cancel, waiting ones and the running one", async () => {
    const store = storeWith({ waitMs: 10_000, silenceMs: 10_000 });
    const upload = await store.create();
    const { source, isRead } = hanging("begin");
    const failures = [upload.append(source), upload.append(chunks(["more"]))].map((each) =>
      each.catch((error: unknown) => error),
    );
    await isRead;
    await upload.cancel();
    for (const failure of failures) expect(await failure).toMatchObject({ fault: "upload-cancelled" });
    expect(await Array.fromAsync(store.listUploads())).toEqual([]);
  });

  it("end the upload when recording its blob fails, so that the client starts a new one", async () => {
    const store = storeWith({ waitMs: 1_000, silenceMs: 1_000 });
    const upload = await store.create();
    const failure = new Error("the database is away");
    const record = { link: () => Promise.reject(failure) };
    const claim = { digest: digestOf("content") };
    await expect(upload.commitWith({ source: chunks(["content"]) }, claim, record)).rejects.toBe(failure);
    await expect(upload.size()).rejects.toMatchObject({ fault: "upload-unknown" });
    const next = await store.create();
    expect((await next.commitWith({ source: chunks(["content"]) }, claim)).size).toBe(7);
  });
});
