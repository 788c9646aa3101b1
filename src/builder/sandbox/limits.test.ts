import { expect, it } from "bun:test";
import { ConfigSchema } from "../../config/schema.ts";
import { DEFAULT_LIMITS, limitsOf } from "./limits.ts";

it("are the known good ones unless an operator chooses others", () => {
  const settings = (sandbox: object) =>
    ConfigSchema.parse({ builder: { apt: { sandbox } } }).builder.apt.sandbox;
  expect(limitsOf(settings({}))).toEqual(DEFAULT_LIMITS);
  const chosen = { timeoutSeconds: 60, memoryBytes: 2 ** 28, processes: 32, diskBytes: 2 ** 26 };
  expect(limitsOf(settings(chosen))).toEqual({
    ...DEFAULT_LIMITS,
    timeoutMs: 60_000,
    cpuSeconds: 60,
    addressSpaceBytes: 2 ** 28,
    memoryBytes: 2 ** 28,
    processes: 32,
    upperBytes: 2 ** 26,
    fileBytes: 2 ** 26,
    changesBytes: 2 ** 27,
  });
});
