import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { join } from "node:path";
import type { Digest } from "../../../src/oci/digest.ts";
import { MediaType } from "../../../src/oci/media-types.ts";
import { RegistryClient, type TestDescriptor } from "../../support/registry-client.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { ClientTools, isInstalled } from "./client-program.ts";
import { MANIFEST_READERS, type ManifestReader } from "./manifest-readers.ts";
import { type OddManifest, type OddParts, oddManifests } from "./odd-manifests.ts";
import { makeSampleImage } from "./sample-image.ts";

const REPOSITORY = "odd/manifests";

let folder: TemporaryFolder;
let server: ServerProcess;
let client: RegistryClient;
let tools: ClientTools;
let manifests: readonly OddManifest[];

beforeAll(async () => {
  folder = await temporaryFolder("odd-manifests");
  server = await startServerProcess(join(folder.path, "data"), { SLIPWAY_BUILDER_ENABLED: "false" });
  client = new RegistryClient(server);
  tools = new ClientTools(folder.path, server.host);
  await tools.prepare();
  manifests = oddManifests(await pushParts());
  for (const [number, { name, mediaType, text }] of manifests.entries()) {
    const response = await client.putManifest(REPOSITORY, `v${number}`, text, mediaType);
    expect([name, response.status]).toEqual([name, 201]);
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Pushes an image and an index of it. */
async function pushParts(): Promise<OddParts> {
  const layout = join(folder.path, "image");
  const sample = await makeSampleImage(layout);
  for (const bytes of sample.blobs.values()) await client.pushBlob(REPOSITORY, bytes);
  const bytesOf = (digest: Digest) => Buffer.from(sample.blobs.get(digest) as Uint8Array);
  const text = bytesOf(sample.manifest).toString();
  const { config, layers } = JSON.parse(text) as { config: TestDescriptor; layers: TestDescriptor[] };
  const configBytes = bytesOf(sample.config);
  const { os, architecture } = JSON.parse(configBytes.toString()) as { os: string; architecture: string };
  const image = await client.pushManifest(REPOSITORY, text);
  const indexed = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [image] };
  const index = await client.pushManifest(REPOSITORY, indexed);
  return { config, configBytes, layers, image, index, platform: { os, architecture } };
}

/** What goes wrong when a client copies each manifest; nothing for those that the table says it cannot copy. */
async function copyProblems({ name: program, copy }: ManifestReader): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [number, { name, cannotCopy }] of manifests.entries()) {
    const reference = `${server.host}/${REPOSITORY}:v${number}`;
    const copies = `${server.host}/odd/copies:v${number}`;
    const command = copy(reference, join(folder.path, `${program}-${number}`), copies);
    const failure = await tools.run(program, ...command).then(
      () => undefined,
      (error: Error) => error.message,
    );
    const known = cannotCopy?.[program];
    const isExpected = known === undefined ? failure === undefined : known.test(failure ?? "");
    if (!isExpected)
      problems.push(`${name}: ${failure ?? "was copied, although the table says it cannot be"}`);
  }
  return problems;
}

describe("odd manifests that are accepted", () => {
  for (const reader of MANIFEST_READERS) {
    describeWith(reader.name, isInstalled(reader.name), "is not installed", () => {
      it("reads each byte for byte", async () => {
        for (const [number, { name, text }] of manifests.entries()) {
          const read = await tools.run(
            reader.name,
            ...reader.read(`${server.host}/${REPOSITORY}:v${number}`),
          );
          expect([name, read.trim()]).toEqual([name, text.trim()]);
        }
      });

      it("copies each with all that it names", async () => {
        expect(await copyProblems(reader)).toEqual([]);
      });
    });
  }
});
