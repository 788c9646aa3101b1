import { describe, expect, it } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../test/support/temporary-folder.ts";
import { ConfigError } from "../config/load-config.ts";
import { readImageSources } from "./image-sources.ts";

const LINE = "deb http://deb.example/debian stable main";

async function problemOf(setting: string): Promise<string> {
  try {
    await readImageSources(setting);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.join("\n");
    throw error;
  }
  throw new Error("the setting was taken");
}

describe("builder.apt.imageSources", () => {
  it("is build, none, a text, or the path of a file", async () => {
    await using folder = await temporaryFolder("image-sources");
    const file = join(folder.path, "image.list");
    await writeFile(file, `${LINE}\n`);
    const given = { kind: "given", text: `${LINE}\n`, format: "one-line" } as const;
    expect(await readImageSources("build")).toEqual({ kind: "build" });
    expect(await readImageSources("none")).toEqual({ kind: "none" });
    expect(await readImageSources(file)).toEqual(given);
    expect(await readImageSources(LINE)).toEqual(given);
    const stanza = "Types: deb\nURIs: http://deb.example/debian\nSuites: ./\n";
    expect(await readImageSources(stanza)).toEqual({ kind: "given", text: stanza, format: "deb822" });
  });

  it("is refused with its path if it is anything else", async () => {
    await using folder = await temporaryFolder("image-sources");
    const [absent, wrong] = ["absent", "wrong"].map((name) => join(folder.path, name)) as [string, string];
    await writeFile(wrong, "deb http://user:secret@deb.example/ ./\n");
    expect(await problemOf(absent)).toStartWith(`builder.apt.imageSources: ${absent}: ENOENT`);
    expect(await problemOf(wrong)).toBe(
      `builder.apt.imageSources: ${wrong}: has a user or password, which everybody could read`,
    );
    expect(await problemOf(`${LINE}\nnonsense\n`)).toBe(
      "builder.apt.imageSources: its source 2 is neither of type deb nor deb-src",
    );
    expect(await problemOf("buidl")).toContain("buidl: ENOENT");
  });
});
