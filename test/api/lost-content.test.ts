import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { appendFile, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { blobKey } from "../../src/content/blob-paths.ts";
import { createLogger } from "../../src/log.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { ABSENCE_CHECKS, expectServed } from "../support/absent-blob.ts";
import { RegistryClient, type TestDescriptor } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ log: createLogger("silent") });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** One size is kept in memory once read, the other is always sent from the file. */
const SIZES = [300, 200_000];

/** Ways in which a disk or an operator can damage a blob's file. */
const DAMAGES: Readonly<Record<string, (file: string) => Promise<unknown>>> = {
  removed: (file) => rm(file),
  emptied: (file) => truncate(file),
  shortened: async (file) => truncate(file, (await readFile(file)).byteLength - 1),
  lengthened: (file) => appendFile(file, "x"),
  "turned into a folder": async (file) => {
    await rm(file);
    await mkdir(file);
  },
};

const fileOf = (digest: Digest) => join(server.data, "content", blobKey(digest));

/** Pushes a blob and reads it, so that every cache has it. */
async function pushWarm(repository: string, content: Buffer): Promise<TestDescriptor> {
  const blob = await client.pushBlob(repository, content);
  for (const method of ["HEAD", "GET", "GET"]) {
    const response = await client.call(method, `/v2/${repository}/blobs/${blob.digest}`);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  }
  return blob;
}

/** Checks that a blob is served, and that its file has its bytes. */
async function expectStored(repository: string, digest: Digest, content: Buffer): Promise<void> {
  await expectServed(client, repository, digest, content);
  expect((await readFile(fileOf(digest))).equals(content)).toBe(true);
}

describe.each(Object.keys(DAMAGES))("a blob whose file was %s", (damage) => {
  it.each(Object.keys(ABSENCE_CHECKS))(
    "is absent from the first %s on, until it is pushed again",
    async (first) => {
      for (const size of SIZES) {
        const repository = `lost/${size}`;
        const content = randomBytes(size);
        const blob = await pushWarm(repository, content);
        await DAMAGES[damage]?.(fileOf(blob.digest));
        for (const name of [first, "HEAD", "GET", "mount"])
          await ABSENCE_CHECKS[name]?.(client, repository, blob);
        await client.pushBlob(repository, content);
        await expectStored(repository, blob.digest, content);
      }
    },
  );

  it("is healed for every repository by a push to a new one", async () => {
    for (const size of SIZES) {
      const content = randomBytes(size);
      const { digest } = await pushWarm("lost/old", content);
      await DAMAGES[damage]?.(fileOf(digest));
      await client.pushBlob("lost/new", content);
      for (const repository of ["lost/old", "lost/new"]) await expectStored(repository, digest, content);
    }
  });
});

describe("a blob with other bytes than its digest says", () => {
  it("is replaced by a push", async () => {
    for (const size of SIZES) {
      const content = randomBytes(size);
      const { digest } = await client.pushBlob("flipped", content);
      const flipped = Buffer.from(content);
      flipped[7] = (flipped[7] ?? 0) ^ 1;
      await writeFile(fileOf(digest), flipped);
      await client.pushBlob("flipped", content);
      await expectStored("flipped", digest, content);
    }
  });

  it("is absent once a read has shown it, where it is small enough to be verified", async () => {
    const content = randomBytes(300);
    const { digest } = await client.pushBlob("flipped", content);
    await writeFile(fileOf(digest), randomBytes(300));
    for (const method of ["GET", "HEAD", "GET"]) {
      expect((await client.call(method, `/v2/flipped/blobs/${digest}`)).status).toBe(404);
    }
    await client.pushBlob("flipped", content);
    await expectStored("flipped", digest, content);
  });
});

it("a lost blob is reported once, and its repository can still be read and deleted from", async () => {
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(line) });
  await using watched = await startRegistry({ log });
  const other = new RegistryClient(watched);
  const content = randomBytes(200_000);
  const { digest } = await other.pushBlob("lost", content);
  expect(digest).toBe(digestOf(content));
  await rm(join(watched.data, "content", blobKey(digest)));
  for (let i = 0; i < 3; i++) expect((await other.call("GET", `/v2/lost/blobs/${digest}`)).status).toBe(404);
  expect(lines.filter((line) => line.includes("missing or damaged"))).toHaveLength(1);
  expect((await other.call("DELETE", `/v2/lost/blobs/${digest}`)).status).toBe(202);
});
