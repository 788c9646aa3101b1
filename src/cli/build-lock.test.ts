import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openBuildRegistry } from "../../test/support/build-registry.ts";
import { run } from "../../test/support/command.ts";
import { createDebianRepository, type DebianRepository } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { HAS_APT, lockTextOf } from "../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import { digestOf } from "../oci/digest.ts";

const PROGRAM = join(import.meta.dir, "main.ts");

// A safety net for a busy machine: each command takes less than two seconds.
setDefaultTimeout(120_000);

describeWith("slipway build --lock", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let digest: string;
  let lockFile: string;

  /** Runs the command on the data folder `data`. */
  const build = (data: string, ...parameters: readonly string[]) =>
    run([process.execPath, PROGRAM, "build", "--quiet", ...parameters], {
      SLIPWAY_DATA: join(folder.path, data),
      SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
      SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
      SLIPWAY_BUILDER_APT_INCLUDE: "[]",
      SLIPWAY_BUILDER_APT_CONFIGURE: "never",
      SLIPWAY_BUILDER_SEARCH: "false",
      SLIPWAY_LOG_LEVEL: "error",
    });
  const program = (version: string) => [{ name: "program", version, hasFile: true }];
  const written = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder.path, name), text);
    return join(folder.path, name);
  };

  beforeAll(async () => {
    folder = await temporaryFolder("build-lock");
    repository = await createDebianRepository(folder.path);
    await repository.publish(program("1"));
    const built = await build("first", "apt/program");
    expect(built).toMatchObject({ exitCode: 0, stderr: "" });
    digest = built.stdout.trim().split("@")[1] ?? "";
    const data = join(folder.path, "first");
    await using first = await openBuildRegistry({ data, aptState: join(data, "apt") });
    lockFile = await written("lock.json", await lockTextOf(first, "apt/program"));
  });
  afterAll(async () => {
    await folder[Symbol.asyncDispose]();
  });

  it("gives the same image elsewhere, under the given name or one of its own", async () => {
    await repository.publish([...program("2"), ...program("1")]);
    expect(await build("other", "--lock", lockFile, "team/app:pinned")).toEqual({
      exitCode: 0,
      stdout: `team/app:pinned@${digest}\n`,
      stderr: "",
    });
    const layout = join(folder.path, "layout");
    const unnamed = await build("other", "--lock", lockFile, "--output", `oci:${layout}`);
    const name = `locked/${digestOf(await readFile(lockFile, "utf8")).slice(7, 19)}`;
    expect(unnamed).toEqual({ exitCode: 0, stdout: `${name}:latest@${digest}\n`, stderr: "" });
    expect(await readFile(join(layout, "index.json"), "utf8")).toContain(digest);
  });

  it("says in a line what is wrong: 2 for the lock, 3 for packages that are gone", async () => {
    await repository.publish(program("2"));
    await repository.removeFiles(program("1"));
    const refused = async (...parameters: readonly string[]) => {
      const { exitCode, stdout, stderr } = await build("refusing", ...parameters);
      expect(stdout).toBe("");
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      return [exitCode, stderr.trimEnd()];
    };
    const gone = "slipway: no source has these packages of the lock: program=1";
    expect(await refused("--lock", lockFile)).toEqual([3, gone]);
    const damaged = await written("damaged.json", "{");
    expect(await refused("--lock", damaged)).toEqual([2, `--lock ${damaged}: it is not JSON`]);
    const text = await readFile(lockFile, "utf8");
    const foreign = await written("foreign.json", text.replace('"unpacked"', '"configured"'));
    expect(await refused("--lock", foreign)).toEqual([
      2,
      `--lock ${foreign}: this Slipway does not make that image: finisher.mode is configured in the lock, unpacked here`,
    ]);
    const absent = join(folder.path, "absent.json");
    expect(await refused("--lock", absent)).toEqual([2, expect.stringContaining("no such file")]);
    expect(await refused()).toEqual([2, "usage: slipway build NAME[:TAG]; see slipway build --help"]);
  });
});
