import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { cp, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { eventually } from "../../support/eventually.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";

const ROOT = join(import.meta.dir, "../../..");

// Replaces the program: prints its arguments, then does what the first one asks. Handles SIGTERM before it prints,
// because the tests send the signal once they have read the line.
const PROGRAM = `
const [act, ...rest] = process.argv.slice(2);
if (act === "serve") process.on("SIGTERM", () => process.exit(0));
console.log(JSON.stringify({ pid: process.pid, arguments: [act, ...rest], folder: process.cwd() }));
if (act === "exit") process.exit(Number(rest[0]));
if (act === "die") process.kill(process.pid, "SIGKILL");
if (act === "serve") setInterval(() => {}, 1000);
`;

/** A separate checkout with the real launcher and Bun, and a fake npm that records each call. */
let checkout: string;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder("launcher");
  checkout = join(folder.path, "checkout");
  await cp(join(ROOT, "scripts"), join(checkout, "scripts"), { recursive: true });
  await mkdir(join(checkout, "src/cli"), { recursive: true });
  await writeFile(join(checkout, "src/cli/main.ts"), PROGRAM);
  await writeFile(join(checkout, "package.json"), "{}");
  await writeFile(
    join(folder.path, "npm-cli.js"),
    `const fs = require("fs");
fs.appendFileSync(${JSON.stringify(join(folder.path, "npm-calls"))}, process.argv.slice(2).join(" ") + "\\n");
fs.mkdirSync("node_modules/bun/bin", { recursive: true });
fs.symlinkSync(${JSON.stringify(process.execPath)}, "node_modules/bun/bin/bun.exe");
console.log("what npm says");
setTimeout(() => process.exit(Number(process.env.NPM_EXIT ?? 0)), 300);`,
  );
});

afterAll(() => folder[Symbol.asyncDispose]());

/** Makes the checkout need an installation, as after a pull that changed the lock file. */
async function forgetInstallation(): Promise<void> {
  await rm(join(checkout, "node_modules"), { recursive: true, force: true });
  await rm(join(folder.path, "npm-calls"), { force: true });
  await writeFile(join(checkout, "package-lock.json"), JSON.stringify({ packages: { "": {} } }));
}

async function npmCalls(): Promise<readonly string[]> {
  const text = await readFile(join(folder.path, "npm-calls"), "utf8").catch(() => "");
  return text.split("\n").filter((line) => line !== "");
}

function start(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  return Bun.spawn(["node", join(checkout, "scripts/slipway.mjs"), ...args], {
    cwd: folder.path,
    env: { ...process.env, npm_execpath: join(folder.path, "npm-cli.js"), ...environment },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function run(args: readonly string[], environment?: Readonly<Record<string, string>>) {
  const child = start(args, environment);
  const [output, complaint, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { output, complaint, exitCode };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<{ readonly pid: number }> {
  for await (const chunk of stream) return JSON.parse(new TextDecoder().decode(chunk).split("\n")[0] ?? "");
  throw new Error("it printed nothing");
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the launcher, installing", () => {
  it("installs once, says little, and starts the program in the caller's folder", async () => {
    await forgetInstallation();
    const first = await run(["exit", "0", "--option"]);
    expect(first.complaint).toContain("installing dependencies");
    expect(first.complaint).not.toContain("what npm says");
    expect(JSON.parse(first.output)).toMatchObject({
      arguments: ["exit", "0", "--option"],
      folder: folder.path,
    });
    expect((await run(["exit", "0"])).complaint).toBe("");
    expect(await npmCalls()).toEqual([expect.stringMatching(/^ci /)]);
  });

  it("installs again when the lock changes", async () => {
    await forgetInstallation();
    await run(["exit", "0"]);
    await writeFile(
      join(checkout, "package-lock.json"),
      JSON.stringify({ packages: { "": {} }, changed: true }),
    );
    await rm(join(checkout, "node_modules/bun"), { recursive: true });
    await run(["exit", "0"]);
    expect(await npmCalls()).toHaveLength(2);
  });

  it("takes what npm has already installed as it is", async () => {
    await forgetInstallation();
    await mkdir(join(checkout, "node_modules/bun/bin"), { recursive: true });
    await symlink(process.execPath, join(checkout, "node_modules/bun/bin/bun.exe"));
    await writeFile(join(checkout, "node_modules/.package-lock.json"), JSON.stringify({ packages: {} }));
    expect(await run(["exit", "0"])).toMatchObject({ exitCode: 0, complaint: "" });
    expect(await npmCalls()).toEqual([]);
  });

  it("installs once when several start together", async () => {
    await forgetInstallation();
    const runs = await Promise.all([1, 2, 3].map(() => run(["exit", "0"])));
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(await npmCalls()).toHaveLength(1);
  });

  it("takes over from an installation that was killed", async () => {
    await forgetInstallation();
    const dead = Bun.spawn(["true"]);
    await dead.exited;
    await mkdir(join(checkout, ".slipway-installing"));
    await writeFile(
      join(checkout, ".slipway-installing/owner.json"),
      JSON.stringify({ token: "of the dead", host: hostname(), pid: dead.pid }),
    );
    expect(await run(["exit", "0"])).toMatchObject({ exitCode: 0 });
    expect(await npmCalls()).toHaveLength(1);
  });

  it("shows what npm said when it fails, and tries again next time", async () => {
    await forgetInstallation();
    const failed = await run(["exit", "0"], { NPM_EXIT: "1" });
    expect(failed).toMatchObject({ exitCode: 1, output: "" });
    expect(failed.complaint).toContain("what npm says");
    await rm(join(checkout, "node_modules"), { recursive: true });
    expect(await run(["exit", "0"])).toMatchObject({ exitCode: 0 });
  });

  it("runs the platform's own package where install scripts are switched off", async () => {
    await forgetInstallation();
    await run(["exit", "0"]);
    await rm(join(checkout, "node_modules/bun/bin/bun.exe"));
    await writeFile(join(checkout, "node_modules/bun/bin/bun.exe"), "echo placeholder");
    const without = await run(["exit", "0"]);
    expect(without.exitCode).toBe(1);
    expect(without.complaint).toContain("npm ci --include=optional");
    const platform = join(checkout, `node_modules/@oven/bun-${process.platform}-${process.arch}/bin`);
    await mkdir(platform, { recursive: true });
    await symlink(process.execPath, join(platform, "bun"));
    expect(await run(["exit", "0"])).toMatchObject({ exitCode: 0, complaint: "" });
  });
});

describe("the launcher, while the program runs", () => {
  beforeAll(async () => {
    await forgetInstallation();
    await run(["exit", "0"]);
  });

  it("ends with the program's exit code", async () => {
    expect(await run(["exit", "7"])).toMatchObject({ exitCode: 7 });
  });

  it("ends with 128 + 9 when the program is killed", async () => {
    expect(await run(["die"])).toMatchObject({ exitCode: 137 });
  });

  it("passes SIGTERM on, and the clean end back", async () => {
    const child = start(["serve"]);
    await firstLine(child.stdout);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  it("takes the program with it when it is killed itself", async () => {
    const child = start(["serve"]);
    const { pid } = await firstLine(child.stdout);
    child.kill("SIGKILL");
    await eventually(() => !isRunning(pid));
  });
});
