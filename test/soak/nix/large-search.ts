import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checks } from "../../support/checks.ts";
import { run } from "../../support/command.ts";
import { HOST_SHELL } from "../../support/nix.ts";
import { figure } from "../figures.ts";
import { shownLatencies, summarize } from "../pressure/latencies.ts";
import { NixServer, removeData } from "./nix-server.ts";

const ATTRIBUTES = 100_000;
const MAIN = join(import.meta.dir, "../../../src/cli/main.ts");
/** Broken attributes as they occur in sets. Only these must be missing from the index. */
const BROKEN: Readonly<Record<string, string>> = {
  brokenThrow: 'throw "removed"',
  brokenAbort: 'abort "removed"',
  brokenType: '1 + "text"',
  brokenRecursion: "let x = x; in x",
};
const INDEX_LIMIT_MS = 900_000;

/** Indexes a large set during pulls. The index must have all packages except those that cannot be evaluated. */
export async function checkLargeSearch(folder: string, checks: Checks): Promise<void> {
  const set = join(folder, "large-set");
  await mkdir(set, { recursive: true });
  await writeFile(join(set, "default.nix"), largeSet());
  const data = join(folder, "large-search");
  await using stack = new AsyncDisposableStack();
  stack.defer(() => removeData(data));
  const variables = { SLIPWAY_BUILDER_SEARCH: "true", SLIPWAY_BUILDER_NIX_INCLUDE: "[]" };
  const server = stack.use(await NixServer.start(data, set, variables));
  await pullWhileIndexed(server, checks);
  for (const [word, wanted] of [["p77777", 1] as const, ["broken", 0] as const])
    await checkFound(data, set, { word, wanted }, checks);
}

async function pullWhileIndexed(server: NixServer, checks: Checks): Promise<void> {
  const first = await server.pull(["p5"]);
  checks.check(first.status === 200, () => `a first pull was answered ${first.status}: ${first.body}`);
  const startedAt = performance.now();
  const latencies: number[] = [];
  while (!server.process.output().includes("packages indexed")) {
    const { status, seconds } = await server.pull(["p5"]);
    checks.check(status === 200, () => `a pull beside the index was answered ${status}`);
    latencies.push(seconds * 1000);
    if (performance.now() - startedAt > INDEX_LIMIT_MS) throw new Error("there is no index");
  }
  figure(
    "time until 100,000 packages are indexed",
    `${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
  figure("pulls meanwhile", `${latencies.length}, ${shownLatencies(summarize(latencies))}`);
}

async function checkFound(
  data: string,
  set: string,
  { word, wanted }: { readonly word: string; readonly wanted: number },
  checks: Checks,
): Promise<void> {
  const startedAt = performance.now();
  const command = [process.execPath, MAIN, "search", word, "--source", "nix", "--json"];
  const { stdout, stderr } = await run(command, {
    SLIPWAY_DATA: data,
    SLIPWAY_BUILDER_APT_ENABLED: "false",
    SLIPWAY_BUILDER_NIX_PATH: set,
    SLIPWAY_BUILDER_NIX_INCLUDE: "[]",
    SLIPWAY_BUILDER_NIX_SUBSTITUTERS: "[]",
    SLIPWAY_BUILDER_NIX_SANDBOX_PATHS: JSON.stringify(HOST_SHELL),
  });
  figure(`slipway search ${word}`, `${Math.round(performance.now() - startedAt)} ms`);
  const found = JSON.parse(stdout || "[]") as readonly unknown[];
  checks.check(found.length === wanted, () => `${word}: found ${found.length}: ${stderr}`);
}

function largeSet(): string {
  const packages = Array.from({ length: ATTRIBUTES }, (_, index) => `p${index} = make "p${index}";`);
  const broken = Object.entries(BROKEN).map(([name, value]) => `${name} = ${value};`);
  return `{ system ? builtins.currentSystem, ... }:
let
  make = name: derivation {
    name = "\${name}-1.0"; inherit system; builder = "/bin/sh"; args = [ "-ec" "echo > $out" ]; PATH = "/usr/bin:/bin";
  } // { meta = { description = "The package \${name} of a large set"; license.spdxId = "MIT"; }; };
in
{
${[...packages, ...broken].join("\n")}
}
`;
}
