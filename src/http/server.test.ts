import { expect, it } from "bun:test";
import { startRegistry } from "../../test/support/registry-server.ts";
import { ConfigSchema } from "../config/schema.ts";
import { createLogger } from "../log.ts";
import { startHttpServer } from "./server.ts";

it("does not share its port: a second server does not start", async () => {
  await using registry = await startRegistry();
  const { http } = ConfigSchema.parse({ http: { port: Number(new URL(registry.url).port) } });
  const start = () => startHttpServer({ routers: [] } as never, http, createLogger("silent"));
  expect(start).toThrow(
    `cannot listen on 127.0.0.1:${http.port}: the port is in use; change http.port (SLIPWAY_HTTP_PORT)`,
  );
});

it("names the setting if the address is not this machine's", () => {
  const { http } = ConfigSchema.parse({ http: { host: "192.0.2.1", port: 0 } });
  expect(() => startHttpServer({ routers: [] } as never, http, createLogger("silent"))).toThrow(
    "this machine does not have the address; change http.host (SLIPWAY_HTTP_HOST)",
  );
});

it("names an IPv6 address as URLs write it", async () => {
  await using registry = await startRegistry({ http: { host: "::1" } });
  expect(registry.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  expect((await fetch(`${registry.url}/v2/`)).status).toBe(200);
});
