import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { sendRaw } from "../support/raw-http.ts";
import { errorCodes, RegistryClient } from "../support/registry-client.ts";
import { type RegistryServer, startRegistry } from "../support/registry-server.ts";

const FRIEND = "https://ui.example.com";
const STRANGER = "https://stranger.example";
const PREFLIGHT = { "access-control-request-method": "DELETE" };

const servers: RegistryServer[] = [];
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]();
});

async function start(http: Readonly<Record<string, unknown>> = {}): Promise<RegistryServer> {
  const server = await startRegistry({ http });
  servers.push(server);
  return server;
}

/** The status of a read from a page whose own host name leads to the server. */
async function statusFor(server: RegistryServer, host: string, path = "/v2/"): Promise<number | undefined> {
  const { statuses } = await sendRaw(server.url, [`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`]);
  return statuses[0];
}

/** The CORS headers of an answer, and `Vary`. */
function corsOf({ headers }: Response): Readonly<Record<string, string>> {
  const isCors = (name: string) => name === "vary" || name.startsWith("access-control-");
  return Object.fromEntries([...headers].filter(([name]) => isCors(name)));
}

describe("a registry with the default settings", () => {
  let server: RegistryServer;
  let client: RegistryClient;
  beforeAll(async () => {
    server = await start();
    client = new RegistryClient(server);
    await client.pushImage("lib/demo", "latest");
  });

  it.each([
    ["localhost", 200],
    ["LOCALHOST:5000", 200],
    ["localhost.", 200],
    ["registry.localhost", 200],
    ["127.0.0.1:5000", 200],
    ["127.1.2.3", 200],
    ["[::1]:5000", 200],
    ["", 200],
    ["stranger.example", 403],
    ["stranger.example:5000", 403],
    ["127.0.0.1.stranger.example", 403],
    ["localhost.stranger.example", 403],
    ["notlocalhost", 403],
    ["10.0.0.1", 403],
    ["[2001:db8::1]", 403],
    ["[::1", 403],
    ["127.0.0.1:x", 403],
  ])(
    "answers a request for the host '%s' with %d, because it listens on a loopback address",
    async (host, status) => {
      expect(await statusFor(server, host)).toBe(status);
      // Also when the answer to this host is known already, and for every other path.
      expect(await statusFor(server, host)).toBe(status);
      expect(await statusFor(server, host, "/")).toBe(status);
      expect(await statusFor(server, host, "/v2//x")).toBe(status === 200 ? 404 : 403);
    },
  );

  it.each(["POST", "PUT", "PATCH", "DELETE"])(
    "refuses %s from a foreign page, and changes nothing",
    async (method) => {
      for (const origin of [
        STRANGER,
        "null",
        "http://127.0.0.1:1",
        server.url.replace("127.0.0.1", "localhost"),
      ]) {
        const path = method === "POST" ? "/v2/lib/demo/blobs/uploads/" : "/v2/lib/demo/manifests/latest";
        const response = await client.call(method, path, {
          headers: { origin },
          ...(method === "PUT" ? { body: "{}" } : {}),
        });
        expect([origin, response.status, await errorCodes(response)]).toEqual([origin, 403, ["DENIED"]]);
        expect(corsOf(response)).toEqual({});
      }
      expect((await client.call("HEAD", "/v2/lib/demo/manifests/latest")).status).toBe(200);
    },
  );

  it("takes writes from its own pages, also behind a proxy that adds TLS", async () => {
    for (const origin of [server.url, server.url.replace("http:", "https:")]) {
      const started = await client.call("POST", "/v2/lib/demo/blobs/uploads/", { headers: { origin } });
      expect(started.status).toBe(202);
    }
  });

  it("answers reads of foreign pages, and lets no browser show them the answer", async () => {
    const read = await client.call("GET", "/v2/lib/demo/tags/list", { headers: { origin: STRANGER } });
    expect(read.status).toBe(200);
    expect(corsOf(read)).toEqual({});
    const asked = await client.call("OPTIONS", "/v2/lib/demo/manifests/latest", {
      headers: { origin: STRANGER, ...PREFLIGHT },
    });
    expect(corsOf(asked)).toEqual({});
  });

  it("names the methods of a path on OPTIONS", async () => {
    const response = await client.call("OPTIONS", "/v2/lib/demo/manifests/latest");
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE, OPTIONS");
    expect((await client.call("OPTIONS", "/")).headers.get("allow")).toBe("GET, HEAD, OPTIONS");
    expect((await client.call("OPTIONS", "/v2/x")).status).toBe(404);
  });
});

describe("a registry that lets pages of one origin in", () => {
  let client: RegistryClient;
  beforeAll(async () => {
    const cors = { origins: [FRIEND], methods: ["GET", "HEAD", "OPTIONS", "DELETE"], credentials: true };
    client = new RegistryClient(
      await start({ cors, headers: { "X-Frame-Options": "DENY", "Content-Type": "text/odd" } }),
    );
    await client.pushImage("lib/demo", "latest");
  });

  it("answers preflight requests", async () => {
    const path = "/v2/lib/demo/manifests/latest";
    const response = await client.call("OPTIONS", path, { headers: { origin: FRIEND, ...PREFLIGHT } });
    expect(response.status).toBe(204);
    expect(corsOf(response)).toEqual({
      "access-control-allow-origin": FRIEND,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET, HEAD, OPTIONS, DELETE",
      "access-control-allow-headers": expect.stringContaining("Authorization"),
      "access-control-max-age": "600",
      vary: "Origin",
    });
    const foreign = await client.call("OPTIONS", path, { headers: { origin: STRANGER, ...PREFLIGHT } });
    expect(corsOf(foreign)).toEqual({ vary: "Origin" });
  });

  it("lets them read answers and errors with their headers, and tells caches why", async () => {
    for (const path of ["/v2/lib/demo/manifests/latest", "/v2/none/manifests/latest", "/v2//x"]) {
      const response = await client.call("GET", path, { headers: { origin: FRIEND } });
      expect(corsOf(response)).toEqual({
        "access-control-allow-origin": FRIEND,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": expect.stringContaining("Docker-Content-Digest"),
        vary: "Origin",
      });
      expect(corsOf(await client.call("GET", path))).toEqual({ vary: "Origin" });
    }
  });

  it("lets them use the methods that are named, and no others", async () => {
    const from = (origin: string) => ({ headers: { origin } });
    const path = "/v2/lib/demo/manifests/latest";
    expect((await client.call("POST", "/v2/lib/demo/blobs/uploads/", from(FRIEND))).status).toBe(403);
    expect((await client.call("DELETE", path, from(STRANGER))).status).toBe(403);
    expect((await client.call("DELETE", path, from(FRIEND))).status).toBe(202);
  });

  it("sends the operator's headers with every answer that has none of that name", async () => {
    const blob = await client.pushBlob("lib/demo", "content");
    const paths = ["/v2/", "/v2/_catalog", `/v2/lib/demo/blobs/${blob.digest}`, "/v2//x", "/nothing"];
    for (const path of paths) {
      const { headers } = await client.call("GET", path);
      expect([path, headers.get("x-frame-options")]).toEqual([path, "DENY"]);
      expect(headers.get("content-type")).not.toBe("text/odd");
    }
  });
});

it("a registry that lets pages of any origin in says so without naming one", async () => {
  const client = new RegistryClient(await start({ cors: { origins: ["*"] } }));
  const response = await client.call("GET", "/v2/", { headers: { origin: STRANGER } });
  expect(corsOf(response)).toMatchObject({ "access-control-allow-origin": "*" });
  expect(response.headers.has("vary")).toBe(false);
});

it("a registry answers requests for the hosts that are configured, and those of the loopback interface", async () => {
  const server = await start({ hosts: ["Registry.example.com", "10.0.0.1", "[2001:db8::1]"] });
  for (const host of [
    "registry.example.com:443",
    "REGISTRY.EXAMPLE.COM",
    "10.0.0.1:5000",
    "[2001:DB8::1]",
    "localhost",
  ]) {
    expect([host, await statusFor(server, host)]).toEqual([host, 200]);
  }
  expect(await statusFor(server, "other.example.com")).toBe(403);
  expect(await statusFor(await start({ hosts: ["*"] }), "other.example.com")).toBe(200);
  expect(await statusFor(await start({ host: "0.0.0.0" }), "other.example.com")).toBe(200);
});
