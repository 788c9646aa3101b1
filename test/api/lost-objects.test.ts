import { afterAll, beforeAll, it, setDefaultTimeout } from "bun:test";
import { randomBytes } from "node:crypto";
import { blobKey } from "../../src/content/blob-paths.ts";
import { S3Bucket } from "../../src/content/s3-bucket.ts";
import { createLogger } from "../../src/log.ts";
import { ABSENCE_CHECKS, expectServed } from "../support/absent-blob.ts";
import { findProgram } from "../support/find-program.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";
import { describeWith } from "../support/requirements.ts";
import { S3_MAKES, S3Server } from "../support/s3-server.ts";

/** One size is kept in memory once read, the other is always read from the bucket. */
const SMALL = 300;
const SIZES = [SMALL, 200_000];

/** Ways in which a bucket can damage an object. */
const DAMAGES: Readonly<
  Record<string, (bucket: S3Bucket, key: string, content: Uint8Array) => Promise<unknown>>
> = {
  removed: (bucket, key) => bucket.delete(key),
  emptied: (bucket, key) => bucket.put(key, new Uint8Array(0)),
  shortened: (bucket, key, content) => bucket.put(key, content.subarray(1)),
  lengthened: (bucket, key, content) => bucket.put(key, Buffer.concat([content, content])),
};

/** The requests that look into the bucket. The others may use what the server saw a few seconds ago. */
const SHOWING = ["GET", "GET of a range"];

setDefaultTimeout(60_000);

for (const make of S3_MAKES) {
  const missing = `${make.program} is neither in SLIPWAY_TEST_BIN nor on PATH`;
  describeWith(`a blob on ${make.name}`, findProgram(make.program) !== undefined, missing, () => {
    let store: S3Server;
    let bucket: S3Bucket;
    let server: RegistryServer;
    let client: RegistryClient;
    beforeAll(async () => {
      store = await S3Server.start(make);
      const options = await store.createBucket();
      bucket = await S3Bucket.connect(options);
      const { bucket: name, region, endpoint, forcePathStyle, credentials } = options;
      server = await startRegistry({
        log: createLogger("silent"),
        content: { driver: "s3", bucket: name, region, endpoint, forcePathStyle, ...credentials },
      });
      client = new RegistryClient(server);
    });
    afterAll(async () => {
      await server?.[Symbol.asyncDispose]();
      bucket?.close();
      await store?.[Symbol.asyncDispose]();
    });

    for (const [damage, harm] of Object.entries(DAMAGES)) {
      it(`whose object was ${damage} is absent once a request has shown it, until it is pushed again`, async () => {
        for (const size of SIZES) {
          for (const first of SHOWING) {
            const content = randomBytes(size);
            const blob = await client.pushBlob("lost", content);
            // A small blob in memory would be served from there for a few seconds.
            if (size !== SMALL) await expectServed(client, "lost", blob.digest, content);
            await harm(bucket, blobKey(blob.digest), content);
            for (const name of [first, ...Object.keys(ABSENCE_CHECKS)])
              await ABSENCE_CHECKS[name]?.(client, "lost", blob);
            await client.pushBlob("new", content);
            for (const repository of ["lost", "new"])
              await expectServed(client, repository, blob.digest, content);
          }
        }
      });
    }

    it("with other bytes than its digest says is replaced by a push", async () => {
      for (const size of SIZES) {
        const content = randomBytes(size);
        const { digest } = await client.pushBlob("flipped", content);
        await bucket.put(blobKey(digest), randomBytes(size));
        await client.pushBlob("flipped", content);
        await expectServed(client, "flipped", digest, content);
      }
    });
  });
}
