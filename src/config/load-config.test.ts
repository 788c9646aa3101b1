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

  it("ignores the variables that Kubernetes makes for Services called slipway and slipway-http", () => {
    const { config } = loadConfig({
      SLIPWAY_SERVICE_HOST: "10.0.0.1",
      SLIPWAY_SERVICE_PORT: "80",
      SLIPWAY_SERVICE_PORT_HTTP_ALT: "80",
      SLIPWAY_PORT: "tcp://10.0.0.1:80",
      SLIPWAY_PORT_80_TCP: "tcp://10.0.0.1:80",
      SLIPWAY_PORT_80_TCP_PROTO: "tcp",
      SLIPWAY_PORT_80_TCP_PORT: "80",
      SLIPWAY_PORT_80_TCP_ADDR: "10.0.0.1",
      SLIPWAY_HTTP_SERVICE_HOST: "fd00::1",
      SLIPWAY_HTTP_PORT: "tcp://[fd00::1]:80",
    });
    expect(config.http.port).toBe(5000);
    const misspelt = { SLIPWAY_PORT: "6000", SLIPWAY_SERVICE_HOST: "registry", SLIPWAY_HTTP_PORT: "x" };
    expect(problemsOf(() => loadConfig(misspelt)).map((problem) => problem.split(":")[0])).toEqual([
      "SLIPWAY_PORT",
      "SLIPWAY_SERVICE_HOST",
      "http.port",
    ]);
  });

  it("lists what is wrong with the rules for browsers", () => {
    const http = {
      hosts: ["registry.example.com:443", "https://registry.example.com"],
      headers: { "X-Good": "yes", "Bad Name": "x", "X-Lines": "a\r\nb" },
      cors: {
        origins: ["ui.example.com", "https://ui.example.com/", "*"],
        methods: ["delete"],
        credentials: true,
      },
    };
    const names = (of: object) =>
      problemsOf(() => loadConfig({}, file(JSON.stringify({ http: of })))).map(
        (problem) => problem.split(":")[0],
      );
    expect(names(http)).toEqual([
      "http.hosts.0",
      "http.hosts.1",
      "http.headers.Bad Name",
      "http.headers.X-Lines",
      "http.cors.origins.0",
      "http.cors.origins.1",
      "http.cors.methods.0",
    ]);
    expect(names({ cors: { origins: ["*"], credentials: true } })).toEqual(["http.cors.credentials"]);
    for (const name of ["content-length", "Connection", "Access-Control-Allow-Origin", "Vary"])
      expect(names({ headers: { [name]: "x" } })).toEqual(["http.headers"]);
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
