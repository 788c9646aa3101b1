import { describe, expect, it } from "bun:test";
import { join } from "node:path";
import { defaultExportProblems, environmentProblems, sizeProblems } from "./architecture/code-limits.ts";
import { verdictProblems } from "./architecture/gate-verdicts.ts";
import { importCycles } from "./architecture/import-cycles.ts";
import { layeringProblems } from "./architecture/layering.ts";
import { lockProblems } from "./architecture/lock-file.ts";
import { linkProblems } from "./architecture/markdown-links.ts";
import { portabilityProblems } from "./architecture/portable-text.ts";
import { projectFiles, readText } from "./architecture/project-files.ts";
import { parseSourceModule, type SourceModule } from "./architecture/source-module.ts";

const ROOT = join(import.meta.dir, "..");
const FILES = projectFiles(ROOT);
const CODE = FILES.filter((path) => /^(?:src|bench|scripts)\/.*\.(?:ts|mjs)$/.test(path))
  .filter((path) => !path.endsWith(".test.ts"))
  .map((path) => parseSourceModule(path, readText(join(ROOT, path)) ?? ""));
const SOURCES = CODE.filter(({ path }) => path.startsWith("src/"));

/** Files of the gate that may read a clock or memory, or pause, and why no test result depends on that. */
const ALLOWED_READINGS: Readonly<Record<string, string>> = {
  "src/builder/apt/apt-source.test.ts": "the safety net of a request",
  "src/builder/apt/apt-workspace.test.ts": "the safety net of a request",
  "src/cli/check.test.ts": "it compares with times of files, two hours away",
  "src/http/bodies/memory-room.test.ts": "it replaces the reading of memory",
  "src/metadata/folder-locks.test.ts": "a program that holds a lock lives until it is killed",
  "src/upkeep/leftovers.test.ts": "it compares with times of files, an hour away",
  "src/registry/uploads.test.ts": "it compares with times of files, a minute away",
  "test/architecture.test.ts": "it tests the rule",
  "test/architecture/gate-verdicts.ts": "it has the rule",
  "test/contracts/content-driver-blobs.contract.ts": "a file's time is not before the test's begin",
  "test/contracts/content-driver-uploads.contract.ts": "the same; and a slow reader can take any time",
  "test/contracts/work-locks.contract.ts": "pauses reveal a broken lock; a correct one passes with any pause",
  "test/gate/cluster/coherence-scenarios.ts": "it checks again after a pause, and expects the same",
  "test/gate/cluster/removal-scenarios.ts": "delays choose which comes first; either order is right",
  "test/gate/launcher/launcher.suite.ts": "the programs that the launcher starts live for a while",
  "test/support/debian-repository.ts": "apt compares the times of its lists",
  "test/support/eventually.ts": "the safety net of every wait",
  "test/support/programs/upload-holder.ts": "it lives until it is killed",
  "test/support/raw-http.ts": "a safety net, and pauses between packets",
};

describe("the code base", () => {
  it("imports downwards only, and reaches storage through its ports", () => {
    expect(layeringProblems(SOURCES)).toEqual([]);
  });

  it("has no import cycles at run time", () => {
    expect(importCycles(CODE)).toEqual([]);
  });

  it("keeps files and functions short", () => {
    expect(sizeProblems(CODE)).toEqual([]);
  });

  it("gives every export a name", () => {
    expect(defaultExportProblems(CODE)).toEqual([]);
  });

  it("reads the environment only in src/config", () => {
    expect(environmentProblems(CODE)).toEqual([]);
  });

  it("names no package registry and no path of one machine", () => {
    const problems = FILES.flatMap((path) => portabilityProblems(path, readText(join(ROOT, path)) ?? ""));
    expect(problems).toEqual([]);
  });

  it("has no test in the gate whose result depends on time, load or memory", () => {
    const tests = FILES.filter((path) => path.endsWith(".ts"));
    const texts = new Map(tests.map((path) => [path, readText(join(ROOT, path)) ?? ""]));
    expect(verdictProblems(texts, ALLOWED_READINGS)).toEqual([]);
  });

  it("has no broken links in its documents", () => {
    const documents = FILES.filter((path) => path.endsWith(".md"));
    expect(documents).toContain("docs/compatibility.md");
    expect(documents.flatMap((path) => linkProblems(path, readText(join(ROOT, path)) ?? "", FILES))).toEqual(
      [],
    );
  });

  it("locks every package for every platform", async () => {
    expect(lockProblems(await Bun.file(join(ROOT, "package-lock.json")).json())).toEqual([]);
  });

  it("is checked completely", () => {
    const present = [...new Bun.Glob("**/*.ts").scanSync(join(ROOT, "src"))].map((path) => `src/${path}`);
    expect(present.length).toBeGreaterThan(100);
    expect(SOURCES.map(({ path }) => path)).toEqual(
      present.filter((path) => !path.endsWith(".test.ts")).toSorted(),
    );
    expect(FILES).toContain("package.json");
  });
});

function modules(files: Readonly<Record<string, string>>): readonly SourceModule[] {
  return Object.entries(files).map(([path, text]) => parseSourceModule(path, text));
}

function layering(path: string, text: string): readonly string[] {
  return layeringProblems(modules({ [path]: text }));
}

describe("the import rule", () => {
  it.each([
    ["src/oci/digest.ts", `import { open } from "../registry/registry.ts";`, "oci may not import registry"],
    ["src/config/schema.ts", `import { start } from "../http/server.ts";`, "config may not import http"],
    ["src/builder/plan.ts", `import type { Route } from "../http/route.ts";`, "builder may not import http"],
    ["src/http/server.ts", `import { start } from "../compose.ts";`, "http may not import compose"],
    ["src/compose.ts", `import { main } from "./cli/main.ts";`, "compose may not import cli"],
    ["src/ui/page.ts", `export * from "../oci/digest.ts";`, "ui may not import oci"],
    ["src/newcomer/x.ts", `import "../oci/digest.ts";`, "no rule for newcomer"],
  ])("forbids %s: %s", (path, text, problem) => {
    expect(layering(path, text)).toEqual([expect.stringContaining(problem)]);
  });

  it("lets only compose.ts import concrete drivers, as types or values, statically or dynamically", () => {
    const driver = "../content/filesystem-driver.ts";
    for (const statement of [`import { x } from "${driver}";`, `import type { X } from "${driver}";`]) {
      expect(layering("src/registry/uploads.ts", statement)).toEqual([
        expect.stringContaining("only compose.ts"),
      ]);
    }
    expect(layering("src/cli/serve.ts", `await import("${driver}");`)).toHaveLength(1);
    expect(layering("src/compose.ts", `import { x } from "./content/filesystem-driver.ts";`)).toEqual([]);
  });

  it("lets the storage folders share types of ports and nothing else", () => {
    const port = "../content/blob-services.ts";
    expect(layering("src/metadata/a.ts", `import type { A } from "${port}";`)).toEqual([]);
    expect(layering("src/metadata/a.ts", `import { type A } from "${port}";`)).toEqual([]);
    expect(layering("src/metadata/a.ts", `import { A } from "${port}";`)).toEqual([
      expect.stringContaining("only types"),
    ]);
  });

  it("lets every file log and import packages", () => {
    expect(
      layering("src/oci/digest.ts", `import { z } from "zod"; import { log } from "../log.ts";`),
    ).toEqual([]);
  });
});

describe("the rule against import cycles", () => {
  it("names the files of a cycle in order", () => {
    const files = {
      "src/a.ts": `import "./b.ts";`,
      "src/b.ts": `export { c } from "./c.ts";`,
      "src/c.ts": `import { a } from "./a.ts";`,
    };
    expect(importCycles(modules(files))).toEqual(["src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts"]);
  });

  it("ignores type imports", () => {
    const files = { "src/a.ts": `import "./b.ts";`, "src/b.ts": `import type { A } from "./a.ts";` };
    expect(importCycles(modules(files))).toEqual([]);
  });
});

describe("the limits on code", () => {
  it("finds long files", () => {
    expect(sizeProblems(modules({ "src/a.ts": "//\n".repeat(300) }))).toEqual([]);
    expect(sizeProblems(modules({ "src/a.ts": "//\n".repeat(301) }))).toEqual([
      expect.stringContaining("301 lines"),
    ]);
  });

  it("finds long functions, methods and arrow functions, and says where", () => {
    const body = (lines: number) => `{${"\n".repeat(lines - 1)}}`;
    expect(sizeProblems(modules({ "src/a.ts": `function f() ${body(60)}` }))).toEqual([]);
    for (const text of [
      `\nfunction f() ${body(61)}`,
      `\nclass A { #f() ${body(61)} }`,
      `\nconst f = () => ${body(61)}`,
    ]) {
      expect(sizeProblems(modules({ "src/a.ts": text }))).toEqual([expect.stringContaining("src/a.ts:2 ")]);
    }
  });

  it("finds default exports", () => {
    expect(
      defaultExportProblems(modules({ "src/a.ts": "export default 1;", "src/b.ts": "export const b = 1;" })),
    ).toEqual([expect.stringContaining("src/a.ts")]);
  });

  it("finds reads of the environment outside src/config", () => {
    const text = "const a = 1;\nconst b = process.env.HOME ?? Bun.env.HOME;";
    expect(environmentProblems(modules({ "src/http/a.ts": text }))).toHaveLength(2);
    expect(environmentProblems(modules({ "src/config/a.ts": text, "src/b.ts": "// process.env" }))).toEqual(
      [],
    );
  });
});

describe("the rule on portable text", () => {
  it("finds hosts of package registries", () => {
    expect(portabilityProblems("a.md", `\nsee https://${"registry.npmjs"}.org/zod`)).toEqual([
      expect.stringContaining("a.md:2 names the package registry"),
    ]);
  });

  it("finds paths of one machine", () => {
    expect(portabilityProblems("a.md", `run ${"/home"}/ada/slipway/x`)).toHaveLength(1);
    expect(portabilityProblems("a.md", `run ${"/work"}/main/x`)).toHaveLength(1);
    expect(
      portabilityProblems("a.md", "the folder /home of an image, ./work/main and src/home/page"),
    ).toEqual([]);
  });
});

describe("the rule on test results in the gate", () => {
  const problems = (path: string, text: string, allowed: Readonly<Record<string, string>> = {}) =>
    verdictProblems(new Map([[path, text]]), allowed);

  it.each([
    ["const started = performance.now();", "a clock"],
    ["expect(Date.now() - started).toBeLessThan(80);", "a clock"],
    ["await Bun.sleep(50);", "a time"],
    ["const signal = AbortSignal.timeout(5_000);", "a time"],
    ["expect(process.memoryUsage().rss).toBeLessThan(1e9);", "memory"],
  ])("finds %s", (line, what) => {
    for (const path of ["src/http/a.test.ts", "test/api/a.test.ts", "test/gate/cluster/run.ts"]) {
      expect(problems(path, `// performance.now\n${line}`)).toEqual([expect.stringContaining(`${path}:2`)]);
      expect(problems(path, line)[0]).toContain(what);
      expect(problems(path, line, { [path]: "why" })).toEqual([]);
    }
    for (const path of ["src/http/a.ts", "test/soak/load/a.ts"]) expect(problems(path, line)).toEqual([]);
  });

  it("finds exceptions that are not needed", () => {
    const path = "test/api/a.test.ts";
    expect(problems(path, "await Bun.sleep(0);", { [path]: "why" })).toEqual([
      expect.stringContaining("does not"),
    ]);
  });
});

describe("the rule on links", () => {
  const files = ["README.md", "docs/a.md", "docs/adr/0001-x.md", "LICENSE"];
  const problems = (path: string, text: string) => linkProblems(path, text, files);

  it("finds broken links in every notation", () => {
    for (const text of [
      "see [b](b.md)",
      "see [b](b.md#part) and [a](a.md)",
      "![picture](b.md)",
      "see [b][1]\n\n[1]: b.md",
      '<img width="1" src="b.md">',
    ]) {
      expect(problems("docs/a.md", text)).toEqual([expect.stringContaining("docs/a.md links b.md")]);
    }
    expect(problems("docs/adr/0001-x.md", "[a](a.md) [b](/LICENSE)")).toHaveLength(2);
  });

  it("resolves folders, anchors and parent folders", () => {
    expect(problems("docs/a.md", "[a](adr) [b](adr/) [c](../README.md#x) [d](#here) [e](a.md)")).toEqual([]);
  });

  it("leaves other hosts and code alone", () => {
    const text =
      '[a](https://example.com/b.md) `[b](b.md)`\n\n```sh\ncurl [b](b.md)\n```\n\n<a href="mailto:x@y">';
    expect(problems("README.md", text)).toEqual([]);
  });
});

describe("the rule on the lock", () => {
  it("finds packages for other platforms that were left out, and packages without integrity", () => {
    const optionalDependencies = { "tool-linux": "1.0.0", "tool-darwin": "1.0.0" };
    const packages = {
      "": {},
      "node_modules/tool": { integrity: "sha512-a", optionalDependencies },
      "node_modules/tool/node_modules/tool-linux": { integrity: "sha512-b" },
    };
    expect(lockProblems({ packages })).toEqual([
      "package-lock.json lacks tool-darwin, which node_modules/tool names",
    ]);
    const complete = { ...packages, "node_modules/tool-darwin": {} };
    expect(lockProblems({ packages: complete })).toEqual([
      "package-lock.json has no integrity for node_modules/tool-darwin",
    ]);
  });
});
