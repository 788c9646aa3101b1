import { expect } from "bun:test";
import { digestOf } from "../../src/oci/digest.ts";
import type { RegistryClient } from "./registry-client.ts";

/**
 * Checks the answers to GET, HEAD and conditional requests for a stored manifest.
 *
 * @param headers sent with every request
 */
export async function expectManifest(
  client: RegistryClient,
  path: string,
  text: string,
  mediaType: string,
  headers: Record<string, string> = {},
) {
  const digest = digestOf(text);
  for (const method of ["GET", "HEAD"]) {
    const response = await client.call(method, path, { headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe(mediaType);
    expect(response.headers.get("content-length")).toBe(String(Buffer.byteLength(text)));
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(response.headers.get("etag")).toBe(`"${digest}"`);
    expect(await response.text()).toBe(method === "GET" ? text : "");
  }
  for (const tag of [`"${digest}"`, digest, `W/"${digest}"`, "*"]) {
    const response = await client.call("GET", path, { headers: { ...headers, "if-none-match": tag } });
    expect(response.status).toBe(304);
    expect(response.headers.get("etag")).toBe(`"${digest}"`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
  }
}
