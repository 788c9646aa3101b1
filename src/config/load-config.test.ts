import { afterAll, describe, expect, it } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, loadConfig } from "./load-config.ts";
import { SETTINGS } from "./settings.ts";

const folder = mkdtempSync(join(tmpdir(), "slipway-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, `${crypto.randomUUID()}.yaml`);
  writeFileSync(path, text);
  return path;
}

function problemsOf(load: () => unknown): readonly string[] {
  try {
    load();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("loadConfig", () => {
  it("needs nothing: every setting has a default", () => {
    const { config } = loadConfig({});
    expect(config.http).toMatchObject({ host: "127.0.0.1", port: 5000 });
    expect(config.content).toEqual({ driver: "filesystem", directWrites: true });
    expect(config.builder.apt.include).toEqual(["ca-certificates", "netbase"]);
  });

  it("names a limit of the sandbox that is out of bounds", () => {
    const sandbox = { timeoutSeconds: 0, memoryBytes: 1, processes: 1e6, diskBytes: 2 ** 41 };
    const path = file(JSON.stringify({ builder: { apt: { sandbox, sandboxUids: 1000 } } }));
    const names = problemsOf(() => loadConfig({}, path)).map((problem) => problem.split(":")[0]);
    expect(names).toEqual([
      ...Object.keys(sandbox).map((name) => `builder.apt.sandbox.${name}`),
      "builder.apt.sandboxUids",
    ]);
    // Its 65,536 ids would reach the one that stands for no id.
    const last = 2 ** 32 - 2 - 65_535;
    const uids = (first: number) => loadConfig({ SLIPWAY_BUILDER_APT_SANDBOX_UIDS: String(first) });
    expect(uids(last).config.builder.apt.sandboxUids).toBe(last);
    expect(problemsOf(() => uids(last + 1))).toHaveLength(1);
  });

  it("lets a variable override the file", () => {
    const path = file("http: { port: 6000, host: 0.0.0.0 }");
    const { config } = loadConfig({ SLIPWAY_HTTP_PORT: "7000" }, path);
    expect(config.http).toMatchObject({ host: "0.0.0.0", port: 7000 });
  });

  it("reads the file that SLIPWAY_CONFIG names", () => {
    expect(loadConfig({ SLIPWAY_CONFIG: file("data: /srv/registry") }).config.data).toBe("/srv/registry");
  });

  it("reads numbers, booleans and lists from variables, and text as it is", () => {
    const { config } = loadConfig({
      SLIPWAY_BUILDER_ENABLED: "false",
      SLIPWAY_BUILDER_APT_INCLUDE: "[netbase]",
      SLIPWAY_DATA: "42",
    });
    expect(config.builder.enabled).toBe(false);
    expect(config.builder.apt.include).toEqual(["netbase"]);
    expect(config.data).toBe("42");
  });

  it("takes a variable of the default driver without its name", () => {
    const { config } = loadConfig({
      SLIPWAY_CONTENT_ROOT: "/srv/blobs",
      SLIPWAY_METADATA_PATH: "/srv/metadata.sqlite",
      SLIPWAY_CACHE_MAX_ENTRIES: "7",
    });
    expect(config.content).toMatchObject({ driver: "filesystem", root: "/srv/blobs" });
    expect(config.metadata).toMatchObject({ engine: "sqlite", path: "/srv/metadata.sqlite" });
    expect(config.cache).toEqual({ driver: "memory", maxEntries: 7 });
    expect(problemsOf(() => loadConfig({ SLIPWAY_CONTENT_BUCKET: "b" }))).toEqual([
      "content.bucket: is not a known setting",
    ]);
  });

  it("lists every problem at once, each by its path", () => {
    const path = file("http: { port: 70000, hots: x }\nlog: { level: loud }\nsurprise: 1");
    const problems = problemsOf(() => loadConfig({ SLIPWAY_HTTP_PROT: "1" }, path)).join("\n");
    for (const name of ["http.port", "http.hots", "log.level", "surprise", "SLIPWAY_HTTP_PROT"]) {
      expect(problems).toContain(`${name}:`);
    }
  });

  it("refuses keys that belong to another driver", () => {
    const path = file("content: { driver: memory, root: /x }");
    expect(problemsOf(() => loadConfig({}, path))).toEqual(["content.root: is not a known setting"]);
  });

  it("reports a file that is missing or is not a mapping", () => {
    expect(problemsOf(() => loadConfig({}, join(folder, "absent.yaml")))).toHaveLength(1);
    expect(problemsOf(() => loadConfig({}, file("[1, 2]")))[0]).toContain("is not a YAML mapping");
  });
});

describe("SETTINGS", () => {
  it("gives each setting its own variable and a description", () => {
    const byVariable = new Map(SETTINGS.map((setting) => [setting.variable, setting.path.join(".")]));
    for (const { variable, path, description } of SETTINGS) {
      expect(byVariable.get(variable)).toBe(path.join("."));
      expect(description).not.toBe("");
    }
  });
});
