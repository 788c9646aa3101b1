import { describe, expect, it } from "bun:test";
import { packageFacts } from "../../../test/support/package-facts.ts";
import type { PackageFacts } from "./package-facts.ts";
import { scriptFiles } from "./script-files.ts";

/** The files, as text or as `-> target`, by path. */
function filesOf(...packages: readonly Partial<PackageFacts>[]): Readonly<Record<string, string>> {
  const files = scriptFiles(packages.map((facts, index) => packageFacts(`p${index}`, facts)));
  return Object.fromEntries(
    files.map(({ path, bytes, linkTarget }) => [
      path,
      linkTarget === undefined ? `${Buffer.from(bytes ?? [])}` : `-> ${linkTarget}`,
    ]),
  );
}

describe("the files that scripts would make", () => {
  it("are none for packages without such files", () => {
    expect(filesOf({}, { texts: { "etc/ld.so.conf": "/opt/lib\n" } })).toEqual({});
  });

  it("are copies", () => {
    const texts = {
      "usr/share/base-files/profile": "PATH=/bin\n",
      "usr/share/libc-bin/nsswitch.conf": "hosts: files\n",
    };
    expect(filesOf({ texts })).toEqual({
      "etc/profile": "PATH=/bin\n",
      "etc/nsswitch.conf": "hosts: files\n",
    });
  });

  it("are one store of the certificates of all packages", () => {
    const folder = "usr/share/ca-certificates";
    const [one, other] = [
      { texts: { [`${folder}/b.crt`]: "B" } },
      { texts: { [`${folder}/a/a.crt`]: "A\n" } },
    ];
    expect(filesOf(one, other)).toEqual({
      "etc/ca-certificates.conf": "a/a.crt\nb.crt\n",
      "etc/ssl/certs/a.pem": `-> /${folder}/a/a.crt`,
      "etc/ssl/certs/b.pem": `-> /${folder}/b.crt`,
      "etc/ssl/certs/ca-certificates.crt": "A\nB\n",
    });
  });

  it("are a time zone", () => {
    expect(filesOf({ hasTimeZones: true })).toEqual({
      "etc/localtime": "-> /usr/share/zoneinfo/Etc/UTC",
      "etc/timezone": "Etc/UTC\n",
    });
  });
});
