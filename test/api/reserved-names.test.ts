import { expect, it } from "bun:test";
import { RegistryClient } from "../support/registry-client.ts";
import { startRegistry } from "../support/registry-server.ts";

const SOURCE = { apt: { configure: "never" }, search: false };

it("a registry takes pushes to the names that it builds images for", async () => {
  await using server = await startRegistry({ builder: SOURCE });
  const client = new RegistryClient(server);
  const { digest } = await client.pushImage("apt/curl", "mine");
  const pulled = await client.call("HEAD", "/v2/apt/curl/manifests/mine");
  expect(pulled.headers.get("docker-content-digest")).toBe(digest);
});

it("a registry where nobody may push to them refuses that, and nothing else", async () => {
  await using server = await startRegistry({ builder: { ...SOURCE, pushes: "nobody" } });
  const client = new RegistryClient(server);
  const { digest } = await client.pushImage("apt", "latest");
  for (const [method, path] of [
    ["POST", "/v2/apt/curl/blobs/uploads/"],
    ["POST", `/v2/apt/curl/blobs/uploads/?mount=${digest}&from=apt`],
    ["PUT", "/v2/apt/curl/manifests/latest"],
    ["PUT", `/v2/apt/curl/git/manifests/${digest}`],
  ] as const) {
    const response = await client.call(method, path);
    const text = await response.text();
    expect([path, response.status, text]).toEqual([path, 403, expect.stringContaining("builder.pushes")]);
    expect(text).toContain("DENIED");
  }
  await client.pushImage("lib/apt/curl", "latest");
});
