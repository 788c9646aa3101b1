import { describe, expect, it } from "bun:test";
import { ConfigError, loadConfig } from "./load-config.ts";

const NIXERY = {
  PORT: "8080",
  NIXERY_PKGS_PATH: "/srv/set",
  NIXERY_STORAGE_BACKEND: "filesystem",
  STORAGE_PATH: "/srv/storage",
};

function problemsOf(environment: Readonly<Record<string, string>>): string {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join("\n");
    throw error;
  }
  return "";
}

describe("Nixery's variables", () => {
  it("set the matching settings, with a warning for each", () => {
    const { config, warnings } = loadConfig({ ...NIXERY, NIX_TIMEOUT: "90" });
    expect(config.http.port).toBe(8080);
    expect(config.data).toBe("/srv/storage");
    expect(config.builder.nix).toMatchObject({ path: "/srv/set", root: true, builderTimeoutSeconds: 90 });
    for (const variable of ["PORT", "NIXERY_PKGS_PATH", "STORAGE_PATH", "NIX_TIMEOUT"])
      expect(warnings.join("\n")).toContain(`${variable}: sets`);
  });

  it("also set Nixery's time limit and grouping", () => {
    const popularity = "http://127.0.0.1/popularity.json";
    const { config } = loadConfig({ ...NIXERY, NIX_POPULARITY_URL: popularity });
    expect(config.builder).toMatchObject({ plan: "nixery", popularity, nix: { builderTimeoutSeconds: 60 } });
  });

  it("choose the package set that Nixery would choose", () => {
    const all = { ...NIXERY, NIXERY_CHANNEL: "nixos-24.05", NIXERY_PKGS_REPO: "https://example.invalid/set" };
    const { config, warnings } = loadConfig(all);
    expect(config.builder.nix.channel).toBe("nixos-24.05");
    expect(config.builder.nix.git.url).toBeUndefined();
    expect(warnings).toContain("NIXERY_PKGS_REPO: is ignored: NIXERY_CHANNEL is set");
    const { NIXERY_CHANNEL: _, ...repository } = all;
    expect(loadConfig(repository).config.builder.nix.git.url).toBe("https://example.invalid/set");
  });

  it("are overridden by settings", () => {
    const { config, warnings } = loadConfig({
      ...NIXERY,
      SLIPWAY_HTTP_PORT: "5001",
      SLIPWAY_BUILDER_NIX_PATH: "/srv/own",
    });
    expect(config.http.port).toBe(5001);
    expect(config.builder.nix).toMatchObject({ path: "/srv/own", root: false });
    expect(warnings).toContain("PORT: is ignored: http.port is set");
    expect(warnings).toContain("NIXERY_PKGS_PATH: is ignored: builder.nix.path is set");
  });

  it("give the reason if they are not supported", () => {
    const { warnings } = loadConfig({ ...NIXERY, GCS_BUCKET: "b", NIXERY_OTHER: "1" });
    expect(warnings.join("\n")).toContain("GCS_BUCKET: is ignored: Google Cloud Storage is not supported");
    expect(warnings).toContain("NIXERY_OTHER: is ignored: unknown variable");
    expect(problemsOf({ ...NIXERY, NIXERY_STORAGE_BACKEND: "gcs" })).toStartWith(
      "NIXERY_STORAGE_BACKEND: gcs",
    );
  });

  it("do nothing unless one begins with NIXERY_, because platforms set PORT", () => {
    const { config, warnings } = loadConfig({ PORT: "8080", STORAGE_PATH: "/srv", NIX_TIMEOUT: "1" });
    expect(config.http.port).toBe(5000);
    expect(warnings).toEqual([]);
  });
});

describe("package sets", () => {
  const sets = (value: unknown) => ({ SLIPWAY_BUILDER_NIX_SETS: JSON.stringify(value) });

  it("can be any number, each with a name", () => {
    const { config } = loadConfig({
      SLIPWAY_BUILDER_NIX_PATH: "/srv/set",
      ...sets({ "nix-stable": { git: { url: "https://example.invalid/set" }, include: [] } }),
    });
    expect(config.builder.nix.sets["nix-stable"]).toMatchObject({
      git: { url: "https://example.invalid/set", revisions: "reachable" },
      include: [],
      root: false,
    });
  });

  it("come from exactly one origin, and at most one serves the root", () => {
    expect(problemsOf({ SLIPWAY_BUILDER_NIX_PATH: "/a", SLIPWAY_BUILDER_NIX_CHANNEL: "b" })).toStartWith(
      "builder.nix: set only one of",
    );
    expect(problemsOf(sets({ a: {} }))).toStartWith("builder.nix.sets.a: set exactly one of");
    expect(problemsOf(sets({ apt: { path: "/a" } }))).toContain("is reserved for another source");
    expect(problemsOf(sets({ "a/b": { path: "/a" } }))).toContain("cannot be used in an image name");
    const roots = sets({ a: { path: "/a", root: true }, b: { path: "/b", root: true } });
    expect(problemsOf(roots)).toContain("builder.nix.root: can be true for only one package set");
  });
});
