import { expect } from "bun:test";
import { Writable } from "node:stream";
import pino from "pino";
import { delegating } from "./delegating.ts";
import { type RegistryServer, startRegistry } from "./registry-server.ts";

/** Starts a registry that must log no warnings and no errors. Disposing of it checks that. */
export async function startSilentRegistry(): Promise<RegistryServer> {
  const logged: string[] = [];
  const log = pino(
    { level: "warn" },
    new Writable({
      write(line, _encoding, done) {
        logged.push(String(line));
        done();
      },
    }),
  );
  const server = await startRegistry({ log });
  return delegating(server, {
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      expect(logged).toEqual([]);
    },
  });
}
