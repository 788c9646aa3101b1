import { expect } from "bun:test";
import type { Digest } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { errorCodes, type RegistryClient, type TestDescriptor } from "./registry-client.ts";

type Check = (client: RegistryClient, repository: string, blob: TestDescriptor) => Promise<void>;

/** The requests that must not find the blob, each with a check of its answer. */
export const ABSENCE_CHECKS: Readonly<Record<string, Check>> = {
  HEAD: async (client, repository, { digest }) =>
    expect((await client.call("HEAD", `/v2/${repository}/blobs/${digest}`)).status).toBe(404),
  GET: (client, repository, { digest }) => expectUnknown(client, repository, digest, {}),
  "GET of a range": (client, repository, { digest }) =>
    expectUnknown(client, repository, digest, { range: "bytes=0-9" }),
  "GET of several ranges": (client, repository, { digest }) =>
    expectUnknown(client, repository, digest, { range: "bytes=0-1,3-4" }),
  "GET of a range beyond the end": (client, repository, { digest }) =>
    expectUnknown(client, repository, digest, { range: "bytes=999999999-" }),
  "GET of what the client has": (client, repository, { digest }) =>
    expectUnknown(client, repository, digest, { "if-none-match": `"${digest}"` }),
  mount: async (client, repository, { digest }) => {
    for (const query of [`?mount=${digest}&from=${repository}`, `?mount=${digest}`]) {
      const mounted = await client.call("POST", `/v2/other/mount/blobs/uploads/${query}`);
      expect(mounted.status).toBe(202);
    }
  },
  "push of a manifest": async (client, repository, layer) => {
    const config = await client.pushBlob(repository, "{}", MediaType.ociConfig);
    const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] };
    const pushed = await client.putManifest(repository, "latest", JSON.stringify(image));
    expect([pushed.status, await errorCodes(pushed)]).toEqual([400, ["MANIFEST_BLOB_UNKNOWN"]]);
  },
};

async function expectUnknown(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const response = await client.call("GET", `/v2/${repository}/blobs/${digest}`, { headers });
  expect([response.status, await errorCodes(response)]).toEqual([404, ["BLOB_UNKNOWN"]]);
}

/** Checks that HEAD finds a blob, and that GET gives its content. */
export async function expectServed(
  client: RegistryClient,
  repository: string,
  digest: Digest,
  content: Buffer,
): Promise<void> {
  const path = `/v2/${repository}/blobs/${digest}`;
  expect((await client.call("HEAD", path)).status).toBe(200);
  const got = await client.call("GET", path);
  expect(got.status).toBe(200);
  expect(Buffer.from(await got.arrayBuffer()).equals(content)).toBe(true);
}
