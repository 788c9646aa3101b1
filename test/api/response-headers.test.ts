import { afterAll, beforeAll, expect, it } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";
import { sendRaw } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

// Header names mean the same in any case (RFC 9110, section 5.1), but many scripts look for them as the specification
// writes them.
const NAMES = [
  "Accept-Ranges",
  "Allow",
  "Cache-Control",
  "Connection",
  "Content-Disposition",
  "Content-Length",
  // Bun writes it so for HEAD and for files (docs/upstream/header-case.ts).
  "content-length",
  "Content-Range",
  "Content-Type",
  "Date",
  "Docker-Content-Digest",
  "Docker-Distribution-Api-Version",
  "Docker-Upload-UUID",
  "ETag",
  "Link",
  "Location",
  "OCI-Filters-Applied",
  "OCI-Subject",
  "OCI-Tag",
  "Range",
  "Retry-After",
  "Transfer-Encoding",
  "Vary",
  "X-Content-Type-Options",
];
/** Sent only when memory or storage runs out, or a build or an upload fails. */
const NOT_SEEN = ["Connection", "Retry-After"];
const UNKNOWN = `sha256:${"0".repeat(64)}`;

let server: RegistryServer;
let client: RegistryClient;
beforeAll(async () => {
  server = await startRegistry({ http: { catalogPageSize: 1 } });
  client = new RegistryClient(server);
});
afterAll(() => server[Symbol.asyncDispose]());

/** The names of the headers of an answer, as they were sent. */
async function namesOf(
  request: string,
  headers: readonly string[] = [],
  body = "",
): Promise<readonly string[]> {
  const length = body === "" && /^(GET|HEAD|OPTIONS)/.test(request) ? [] : [`Content-Length: ${body.length}`];
  const head = [`${request} HTTP/1.1`, "Host: localhost", ...headers, ...length].join("\r\n");
  const { text } = await sendRaw(server.url, [`${head}\r\n\r\n${body}`]);
  const lines = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n").slice(1);
  return lines.map((line) => line.slice(0, line.indexOf(":")));
}

it("are named as the specification writes them, in every kind of answer", async () => {
  const image = await client.pushImage("lib/demo", "latest");
  await client.pushImage("lib/other", "latest");
  const blob = await client.pushBlob("lib/demo", "content");
  const list = { schemaVersion: 2, mediaType: MediaType.dockerList, manifests: [] };
  await client.pushManifest("lib/demo", list, "list");
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [], subject: image };
  const started = async () => await client.start("lib/demo");
  const typed = [`Content-Type: ${MediaType.ociIndex}`];
  const answers = await Promise.all([
    namesOf("GET /"),
    namesOf("GET /v2/"),
    namesOf("OPTIONS /v2/"),
    namesOf("POST /v2/"),
    namesOf("GET /v2/_catalog?n=1"),
    namesOf("GET /v2/lib/demo/tags/list"),
    namesOf(`GET /v2/lib/demo/referrers/${image.digest}?artifactType=x`),
    namesOf("GET /v2/lib/demo/manifests/latest"),
    namesOf("HEAD /v2/lib/demo/manifests/latest"),
    namesOf("GET /v2/lib/demo/manifests/list"),
    namesOf("GET /v2/lib/demo/manifests/latest", [`If-None-Match: "${image.digest}"`]),
    namesOf("GET /v2/lib/demo/manifests/absent"),
    namesOf(
      `PUT /v2/lib/demo/manifests/${digestOf(JSON.stringify(index))}?tag=a&tag=b`,
      typed,
      JSON.stringify(index),
    ),
    namesOf(`GET /v2/lib/demo/blobs/${blob.digest}`),
    namesOf(`HEAD /v2/lib/demo/blobs/${blob.digest}`),
    namesOf(`GET /v2/lib/demo/blobs/${blob.digest}`, ["Range: bytes=0-1"]),
    namesOf(`GET /v2/lib/demo/blobs/${blob.digest}`, ["Range: bytes=0-1,3-4"]),
    namesOf(`GET /v2/lib/demo/blobs/${blob.digest}`, ["Range: bytes=99-"]),
    namesOf(`GET /v2/lib/demo/blobs/${UNKNOWN}`),
    namesOf("POST /v2/lib/demo/blobs/uploads/"),
    namesOf(`POST /v2/lib/demo/blobs/uploads/?digest=${digestOf("abc")}`, [], "abc"),
    namesOf(`PATCH ${await started()}`, [], "abc"),
    namesOf(`PATCH ${await started()}`, ["Content-Range: 5-7"], "abc"),
    namesOf(`GET ${await started()}`),
    namesOf(`PUT ${await started()}&digest=${digestOf("abc")}`, [], "abc"),
    namesOf(`DELETE ${await started()}`),
  ]);
  const names = new Set(answers.flat());
  expect([...names].filter((name) => !NAMES.includes(name))).toEqual([]);
  expect(NAMES.filter((name) => !names.has(name))).toEqual(NOT_SEEN);
});
