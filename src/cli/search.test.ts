import { expect, it } from "bun:test";
import { join } from "node:path";
import { run } from "../../test/support/command.ts";
import { createDebianRepository } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { HAS_APT } from "../../test/support/searchable-packages.ts";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";

/** Time limit of a test, in milliseconds; only a safety net. */
const LONG_MS = 120_000;
const PROGRAM = join(import.meta.dir, "main.ts");

/** Runs `slipway search` on a data folder beside a repository. */
function searcher(folder: string, sourcesFile: string, variables: Readonly<Record<string, string>> = {}) {
  const environment = {
    SLIPWAY_DATA: join(folder, "data"),
    SLIPWAY_BUILDER_APT_SOURCES_FILE: sourcesFile,
    SLIPWAY_BUILDER_APT_LIST_MAX_AGE_SECONDS: "1",
    ...variables,
  };
  return (...parameters: readonly string[]) =>
    run([process.execPath, PROGRAM, "search", ...parameters], environment);
}

describeWith("slipway search", HAS_APT, "no apt", () => {
  it(
    "reads the packages once, and prints those with the word as a table or as JSON",
    async () => {
      await using folder = await temporaryFolder("search");
      const { sourcesFile, publish } = await createDebianRepository(folder.path);
      await publish([
        {
          name: "g++",
          version: "4:12",
          fields: { Description: "GNU C++ compiler", Homepage: "https://gcc.gnu.org" },
        },
        { name: "gawk", fields: { Description: "GNU awk" } },
        { name: "other" },
      ]);
      const search = searcher(folder.path, sourcesFile);
      expect(await search("gnu")).toEqual({
        exitCode: 0,
        stdout: "apt/g_plus_plus  4:12  GNU C++ compiler\napt/gawk         1     GNU awk\n",
        stderr: "slipway: reading the packages of apt; the next search will be faster\n",
      });
      const { exitCode, stdout, stderr } = await search("GNU", "--json", "--source", "apt", "--limit", "1");
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(JSON.parse(stdout)).toEqual([
        {
          image: "apt/g_plus_plus",
          source: "apt",
          name: "g_plus_plus",
          version: "4:12",
          description: "GNU C++ compiler",
          homepage: "https://gcc.gnu.org",
          license: null,
          mainProgram: null,
          match: "description",
        },
      ]);
      const message = 'slipway: no package in apt matches "%"\n';
      expect(await search("%")).toEqual({ exitCode: 3, stdout: "", stderr: message });
      expect(await search("%", "--json")).toEqual({ exitCode: 3, stdout: "[]\n", stderr: message });
    },
    LONG_MS,
  );

  it(
    "searches the indexes it has when a source is not available, and prints why; without any it fails",
    async () => {
      await using folder = await temporaryFolder("search");
      const { sourcesFile, publish } = await createDebianRepository(folder.path);
      await publish([{ name: "known" }]);
      const without = searcher(folder.path, sourcesFile, { PATH: folder.path });
      const reason = "slipway: apt: not available: not installed: apt-get, apt-cache, dpkg-deb, flock";
      expect(await without("known")).toEqual({ exitCode: 1, stdout: "", stderr: `${reason}\n` });
      expect(await searcher(folder.path, sourcesFile)("known", "--quiet")).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
      expect(await without("known")).toEqual({
        exitCode: 0,
        stdout: "apt/known  1  for a test\n",
        stderr: `${reason}; searching the previous index\n`,
      });
    },
    LONG_MS,
  );

  it(
    "reports mistakes in the command line",
    async () => {
      await using folder = await temporaryFolder("search");
      const { sourcesFile } = await createDebianRepository(folder.path);
      const search = searcher(folder.path, sourcesFile);
      for (const [parameters, message] of [
        [["word", "--source", "yum"], "no such source: yum; available: apt\n"],
        [["word", "--limit", "101"], "--limit must be a number from 1 to 100\n"],
        [["word", "--limit", "many"], "--limit must be a number from 1 to 100\n"],
        [[" "], "slipway search needs a word\n"],
        [[], "usage: slipway search WORD; see slipway search --help\n"],
      ] as const) {
        expect(await search(...parameters)).toEqual({ exitCode: 2, stdout: "", stderr: message });
      }
      const disabled = searcher(folder.path, sourcesFile, { SLIPWAY_BUILDER_SEARCH: "false" });
      expect((await disabled("word")).stderr).toContain("set builder.enabled and builder.search to true");
    },
    LONG_MS,
  );
});
