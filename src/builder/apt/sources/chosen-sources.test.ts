import { describe, expect, it } from "bun:test";
import { chooseSources, parseGivenSources } from "./chosen-sources.ts";

const STANZA = "Types: deb\nURIs: http://deb.example/debian\nSuites: stable\nComponents: main\n";
const NEVER_READ = () => Promise.reject(new Error("the sources of the build are not needed"));

describe("sources that the operator gives", () => {
  it.each([
    ["deb822", STANZA],
    ["one-line", "# a comment\ndeb http://deb.example/debian stable main\n"],
  ] as const)("are taken as they are: %s", (format, text) => {
    expect(parseGivenSources(text)).toEqual({ kind: "given", text, format });
    expect(parseGivenSources(text.trimEnd().replaceAll("\n", "\r\n"))).toEqual({
      kind: "given",
      text,
      format,
    });
  });

  it.each([
    ["", "has no sources"],
    ["# deb http://deb.example/debian stable main", "has no sources"],
    ["something else", "its source 1 is neither of type deb nor deb-src"],
    [`${STANZA}\n${STANZA.replace("Suites: stable\n", "")}`, "its source 2 has no suite"],
    ["deb stable main", "its source 1 has no address"],
    ["deb http://deb.example/ stable", "its source 1 has to have components"],
    ["deb http://deb.example/ ./ main", "its source 1 has to have components"],
    ["deb http://user:secret@deb.example/ ./", "has a user or password"],
    [`# http://user@deb.example/\n${STANZA}`, "has a user or password"],
    [`${STANZA}Signed-By:\n -----BEGIN PGP PRIVATE KEY BLOCK-----\n`, "has a private key"],
    [`${STANZA}\0`, "is not text"],
  ])("are refused: %p", (text, problem) => {
    expect(() => parseGivenSources(text)).toThrow(problem);
  });
});

describe("the sources of an image", () => {
  const given = parseGivenSources(STANZA);

  it("are where those of the distribution's own images are", async () => {
    const pathFor = async (text: string, ...packages: readonly string[]) =>
      (await chooseSources(parseGivenSources(text), ["apt", ...packages], "amd64", NEVER_READ)).file?.path;
    expect(await pathFor(STANZA, "debian-archive-keyring", "ubuntu-keyring")).toBe(
      "etc/apt/sources.list.d/debian.sources",
    );
    expect(await pathFor(STANZA, "ubuntu-keyring")).toBe("etc/apt/sources.list.d/ubuntu.sources");
    expect(await pathFor("deb http://deb.example/ ./")).toBe("etc/apt/sources.list");
  });

  it("are none without apt, or if the operator wants none", async () => {
    const none = { file: undefined, leftOut: [] };
    expect(await chooseSources(given, ["libapt-pkg6.0"], "amd64", NEVER_READ)).toEqual(none);
    expect(await chooseSources({ kind: "build" }, ["curl"], "amd64", NEVER_READ)).toEqual(none);
    expect(await chooseSources({ kind: "none" }, ["apt"], "amd64", NEVER_READ)).toEqual(none);
  });

  it("are those of the build by default", async () => {
    const read = async () => ({ entries: [], keyrings: new Map() });
    expect(await chooseSources({ kind: "build" }, ["apt"], "amd64", read)).toEqual({
      file: undefined,
      leftOut: [],
    });
  });
});
