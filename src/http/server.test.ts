import { expect, it } from "bun:test";
import { startRegistry } from "../../test/support/registry-server.ts";
import { ConfigSchema } from "../config/schema.ts";
import { createLogger } from "../log.ts";
import { startHttpServer } from "./server.ts";

it("does not share its port: a second server on it does not start", async () => {
  await using registry = await startRegistry();
  const { http } = ConfigSchema.parse({ http: { port: Number(new URL(registry.url).port) } });
  const start = () => startHttpServer({} as never, http, createLogger("silent"));
  expect(start).toThrow();
});
