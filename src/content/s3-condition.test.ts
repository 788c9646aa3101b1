import { expect, it } from "bun:test";
import { StorageError } from "../oci/storage-error.ts";
import { S3Bucket } from "./s3-bucket.ts";

/** The error of a PUT to the server at `endpoint`. */
async function failureOf(endpoint: string): Promise<unknown> {
  const bucket = await S3Bucket.connect({
    bucket: "blobs",
    region: "any",
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
    maxAttempts: 1,
  });
  const failure = await bucket.put("key", new Uint8Array(1)).catch((error: unknown) => error);
  bucket.close();
  return failure;
}

async function conditionOf(status: number, code: string): Promise<unknown> {
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () =>
      new Response(`<Error><Code>${code}</Code><Message>no</Message></Error>`, {
        status,
        headers: { "content-type": "application/xml" },
      }),
  });
  const failure = await failureOf(server.url.origin);
  expect(failure).toBeInstanceOf(StorageError);
  return (failure as StorageError).condition;
}

it("recognises a full store and a used-up quota from the server's answer", async () => {
  expect(await conditionOf(507, "XMinioStorageFull")).toBe("full");
  expect(await conditionOf(507, "SomethingElse")).toBe("full");
  expect(await conditionOf(400, "XMinioAdminBucketQuotaExceeded")).toBe("full");
  expect(await conditionOf(403, "QuotaExceeded")).toBe("full");
});

it("recognises a server that is busy, refuses, fails or has lost the bucket", async () => {
  expect(await conditionOf(503, "SlowDown")).toBe("busy");
  expect(await conditionOf(503, "ServiceUnavailable")).toBe("busy");
  expect(await conditionOf(403, "AccessDenied")).toBe("denied");
  expect(await conditionOf(500, "InternalError")).toBe("failing");
  expect(await conditionOf(404, "NoSuchBucket")).toBe("gone");
});

it("concludes nothing about the server from an error in the request", async () => {
  expect(await conditionOf(400, "InvalidArgument")).toBeUndefined();
});

it("recognises a server that does not answer", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const endpoint = server.url.origin;
  await server.stop(true);
  expect(((await failureOf(endpoint)) as StorageError).condition).toBe("unreachable");
});
