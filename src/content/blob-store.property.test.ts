import { expect, it } from "bun:test";
import fc from "fast-check";
import { bytesOf, chunks } from "../../test/contracts/content-driver-samples.ts";
import { digestOf } from "../oci/digest.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { BlobUpload } from "./blob-services.ts";
import { BlobStore } from "./blob-store.ts";
import { MemoryDriver } from "./memory-driver.ts";

/** What one request does to an upload. */
type Request =
  | {
      readonly kind: "append";
      readonly parts: readonly string[];
      readonly atEnd: boolean;
      readonly breaks: boolean;
    }
  | { readonly kind: "commit"; readonly honest: boolean; readonly sha512: boolean }
  | { readonly kind: "cancel" }
  | { readonly kind: "size" }
  | { readonly kind: "restart" };

const request: fc.Arbitrary<Request> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      parts: fc.array(fc.string({ maxLength: 5 }), { maxLength: 4 }),
      atEnd: fc.boolean(),
      breaks: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      honest: fc.boolean(),
      sha512: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "cancel" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "size" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "restart" as const }) },
);

const BREAK = new Error("the client went away");

/** The content of the upload, or `undefined` once it has ended. */
interface Model {
  content: string | undefined;
  committed: string | undefined;
}

it("agrees with a model of one upload for any sequence of requests", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 14 }), async (requests) => {
      await using driver = new MemoryDriver({ maxBytes: 1 << 20 });
      let store = new BlobStore(driver, { maxUploadHashes: 2 });
      const { id } = await store.create();
      const model: Model = { content: "", committed: undefined };
      for (const each of requests) {
        if (each.kind === "restart") store = new BlobStore(driver);
        const upload = await store.resume(id);
        expect(upload === undefined).toBe(model.content === undefined);
        if (upload !== undefined) await play(upload, each, model);
      }
      await checkCommitted(store, model);
    }),
    { numRuns: 150 },
  );
});

it("applies concurrent requests on one upload in some order, each completely", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(request, { minLength: 2, maxLength: 8 }),
      fc.scheduler(),
      async (requests, scheduler) => {
        await using driver = new MemoryDriver({ maxBytes: 1 << 20 });
        const store = new BlobStore(driver, { maxUploadHashes: 2 });
        const upload = await store.create();
        // Calls take turns in the order they are made, so the model plays them in that order.
        const model: Model = { content: "", committed: undefined };
        const playing = requests.map(async (each, index) => {
          const held = model.content ?? "";
          const outcome = playModel(each, model);
          const actual = await playStore(upload, each, held, scheduler);
          // A status does not wait, and a cancel waits only for the request that it ends.
          if (each.kind === "size") return;
          const isCutOff = requests.slice(index).some(({ kind }) => kind === "cancel");
          expect(isCutOff ? [outcome, "upload-unknown", "upload-cancelled"] : [outcome]).toContain(actual);
          if (actual === digestOf(held)) await checkCommitted(store, { ...model, committed: held });
        });
        await scheduler.waitFor(Promise.all(playing));
      },
    ),
    { numRuns: 100 },
  );
});

async function play(upload: BlobUpload, each: Request, model: Model): Promise<void> {
  const held = model.content ?? "";
  const outcome = playModel(each, model);
  expect(await playStore(upload, each, held)).toEqual(outcome);
}

/** The expected result of a request, as text. Changes the model as the store must change. */
function playModel(each: Request, model: Model): string {
  if (each.kind === "restart") return "restarted";
  if (each.kind === "cancel") {
    model.content = undefined;
    return "cancelled";
  }
  if (model.content === undefined) return "upload-unknown";
  if (each.kind === "size") return String(Buffer.byteLength(model.content));
  if (each.kind === "append") {
    if (!each.atEnd) return "upload-out-of-order";
    model.content += each.parts.join("");
    return each.breaks ? BREAK.message : String(Buffer.byteLength(model.content));
  }
  if (!each.honest) return "digest-mismatch";
  model.committed = model.content;
  model.content = undefined;
  return digestOf(model.committed);
}

async function playStore(
  upload: BlobUpload,
  each: Request,
  held: string,
  scheduler?: fc.Scheduler,
): Promise<string> {
  try {
    switch (each.kind) {
      case "restart":
        return "restarted";
      case "cancel":
        await upload.cancel();
        return "cancelled";
      case "size":
        return String(await upload.size());
      case "append": {
        const source = paced(each, scheduler);
        return String(await upload.append(source, Buffer.byteLength(held) + (each.atEnd ? 0 : 1)));
      }
      case "commit": {
        const content = each.honest ? held : `${held}?`;
        return (await upload.commit({ digest: digestOf(content, each.sha512 ? "sha512" : "sha256") })).digest;
      }
    }
  } catch (error) {
    if (error instanceof RegistryError) return error.fault;
    if (error === BREAK) return BREAK.message;
    throw error;
  }
}

async function* paced(each: Request & { readonly kind: "append" }, scheduler?: fc.Scheduler) {
  for await (const chunk of chunks(each.parts, each.breaks ? BREAK : undefined)) {
    await scheduler?.schedule(Promise.resolve());
    yield chunk;
  }
}

async function checkCommitted(store: BlobStore, { committed }: Model): Promise<void> {
  if (committed === undefined) return;
  const descriptor = { digest: digestOf(committed), size: Buffer.byteLength(committed) };
  expect(digestOf(await bytesOf(await store.open(descriptor)))).toBe(descriptor.digest);
}
