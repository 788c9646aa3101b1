import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { imageSourcesText } from "./image-sources.ts";
import { parseSources, type SourcesFormat } from "./source-entry.ts";

/** A public key: a packet with six bytes. */
const KEY = Buffer.from([0xc6, 6, 1, 2, 3, 4, 5, 6]);
const BLOCK =
  " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n xgYBAgMEBQY=\n -----END PGP PUBLIC KEY BLOCK-----\n";
const HEAD = "# Where the packages of this image come from.\n\n";
const KEYRINGS = new Map([
  ["/etc/apt/keyrings/own.gpg", KEY],
  ["/usr/share/keyrings/debian-archive-keyring.gpg", KEY],
]);

/** The parts of a source with a secret. */
interface Spelled {
  readonly method: string;
  readonly before: string;
  readonly secret: string;
  readonly option: string | undefined;
}

function written(
  text: string,
  format: SourcesFormat = "one-line",
  packages = ["apt", "debian-archive-keyring"],
) {
  const entries = parseSources(text, format);
  const reader = { architecture: "amd64", packages: new Set(packages) };
  return imageSourcesText({ entries, keyrings: KEYRINGS }, reader);
}

describe("the sources of an image", () => {
  it("are those of the build, checked by the keyring in the image", () => {
    const text = `Types: deb deb-src
URIs: http://deb.example/debian
Suites: stable stable-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp
Description: for somebody
`;
    expect(written(text, "deb822")).toEqual({
      text: `${HEAD}Types: deb
URIs: http://deb.example/debian
Suites: stable stable-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`,
      leftOut: [],
    });
  });

  it("keep the options that matter there", () => {
    const options = "trusted=yes check-valid-until=no arch=arm64,amd64 x-other=1";
    expect(written(`deb [${options}] http://deb.example/ ./`).text).toBe(`${HEAD}Types: deb
URIs: http://deb.example/
Suites: ./
Architectures: arm64 amd64
Trusted: yes
Check-Valid-Until: no
`);
  });

  it("have no user and no password", () => {
    const { text } = written("deb https://user:se%40cret@deb.example:8080/a stable main");
    expect(text).toBe(`${HEAD}# Its user and password are left out: apt reads them in /etc/apt/auth.conf.d.
Types: deb
URIs: https://deb.example:8080/a
Suites: stable
Components: main
`);
  });

  it("hold the public keys of a keyring that no package of the image brings", () => {
    const own = written("deb [signed-by=/etc/apt/keyrings/own.gpg] http://own.example/ ./").text;
    expect(own).toBe(`${HEAD}Types: deb\nURIs: http://own.example/\nSuites: ./\nSigned-By:\n${BLOCK}`);
    const inside = `Types: deb\nURIs: http://own.example/\nSuites: ./\nSigned-By:\n${BLOCK}`;
    expect(written(inside, "deb822").text).toBe(own);
    const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    const debian = `deb [signed-by=${keyring}] http://own.example/ ./`;
    expect(written(debian, "one-line", ["apt"]).text).toBe(own);
    expect(written(debian.replace("]", ",/etc/apt/keyrings/own.gpg]")).text).toContain("BEGIN PGP PUBLIC");
  });

  it.each([
    ["deb file:/srv/mirror stable main", "it is on the machine that made this image"],
    ["deb copy:/srv/mirror stable main", "it is on the machine that made this image"],
    ["deb cdrom:[Debian 12]/ stable main", "it is on the machine that made this image"],
    ["deb mirror+file:/etc/apt/mirrors.txt stable main", "it is on the machine that made this image"],
    ["deb s3://bucket/debian stable main", "apt itself cannot read from s3 addresses"],
    ["deb http://deb.example/a?token=b stable main", "its address is not understood"],
    ["deb http://user:pa/ss@deb.example/ stable main", "its address is not understood"],
    ["deb http://deb.example/debian", "it is not understood"],
    [
      "deb [signed-by=/root/lost.gpg] http://deb.example/ ./",
      "its keyring cannot be read, or is no public key",
    ],
  ])("do not have %s, and say why without its address", (line, reason) => {
    expect(written(`${line}\ndeb http://kept.example/ ./`)).toEqual({
      text: `${HEAD}# One source is left out: ${reason}.\n\nTypes: deb\nURIs: http://kept.example/\nSuites: ./\n`,
      leftOut: [reason],
    });
  });

  it("are those that the build's architecture has; without any there is no text", () => {
    for (const options of ["arch=arm64", "arch-=amd64"])
      expect(written(`deb [${options}] http://deb.example/ ./`)).toEqual({ text: undefined, leftOut: [] });
    expect(written("deb-src http://deb.example/ ./").text).toBeUndefined();
    expect(written("deb [arch+=i386] http://deb.example/ ./").text).toContain("Architectures-Add: i386\n");
  });

  it("never have a credential, wherever it was, and what is left are sources", () => {
    const secret = fc.stringMatching(/^[A-Za-z0-9%:@/?#[\]$_-]{0,6}SECRET[A-Za-z0-9%:@/?#[\]$_-]{0,6}$/);
    const method = fc.constantFrom("http", "https", "mirror+http", "file", "HTTPS", "copy", "ssh");
    const before = fc.constantFrom("user:", ":", "", "user%40:", "a:b:");
    const option = fc.constantFrom("x-token=", "inrelease-path=", "snapshot=", "signed-by=/", "lang=");
    const source = fc.record({ method, before, secret, option: fc.option(option, { nil: undefined }) });
    const asLine = ({ method, before, secret, option }: Spelled) =>
      `deb ${option === undefined ? "" : `[${option}${secret}@x] `}${method}://${before}${secret}@deb.example/debian stable main # ${secret}`;
    const asStanza = ({ method, before, secret, option = "x=" }: Spelled) => `# ${secret}
Types: deb
URIs: ${method}://${before}${secret}@deb.example/debian
Suites: stable
Components: main
${option.replace("=", `: ${secret}@x`)}
`;
    fc.assert(
      fc.property(fc.array(source, { minLength: 1, maxLength: 4 }), fc.boolean(), (sources, isLines) => {
        const { text = "" } = isLines
          ? written(sources.map(asLine).join("\n"))
          : written(sources.map(asStanza).join("\n"), "deb822");
        expect(text).not.toContain("SECRET");
        expect(text).not.toContain("@");
        expect(written(text, "deb822").leftOut).toEqual([]);
      }),
    );
  });
});
