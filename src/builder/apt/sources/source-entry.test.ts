import { describe, expect, it } from "bun:test";
import { parseSources, type SourceEntry } from "./source-entry.ts";

const NONE: SourceEntry = { types: ["deb"], uris: [], suites: [], components: [], options: new Map() };

describe("sources of apt", () => {
  it("are the lines of a one-line file, without comments", () => {
    const text = [
      "# deb http://one.example/debian stable main",
      "deb http://two.example/debian  stable main contrib # a comment",
      "",
      "deb-src [ arch=amd64,arm64 lang-=de signed-by=/k.gpg ] http://three.example/ ./\r",
      "deb cdrom:[Debian 12 #1 - NETINST]/ bookworm main",
    ].join("\n");
    expect(parseSources(text, "one-line")).toEqual([
      { ...NONE, uris: ["http://two.example/debian"], suites: ["stable"], components: ["main", "contrib"] },
      {
        types: ["deb-src"],
        uris: ["http://three.example/"],
        suites: ["./"],
        components: [],
        options: new Map([
          ["architectures", "amd64 arm64"],
          ["languages-remove", "de"],
          ["signed-by", "/k.gpg"],
        ]),
      },
      { ...NONE, uris: ["cdrom:[Debian 12 #1 - NETINST]/"], suites: ["bookworm"], components: ["main"] },
    ]);
  });

  it("are the stanzas of a deb822 file, but for those that are switched off", () => {
    const text = `# Types: deb

Types: deb deb-src
# a comment
URIs: http://one.example/debian
  http://two.example/debian
Suites: a b
Components: main
X-Note: nothing
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .

Enabled: no
Types: deb
URIs: http://three.example/
Suites: ./
`;
    expect(parseSources(text, "deb822")).toEqual([
      {
        types: ["deb", "deb-src"],
        uris: ["http://one.example/debian", "http://two.example/debian"],
        suites: ["a", "b"],
        components: ["main"],
        options: new Map([
          ["x-note", "nothing"],
          ["signed-by", "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n ."],
        ]),
      },
    ]);
  });
});
