import { describe, expect, it } from "bun:test";
import { md5Of, UcfDigests } from "./ucf-digests.ts";

describe("ucf", () => {
  it("knows files with the content that is shipped, and others as they are", () => {
    const [left, shipped, other] = ["made today\n", "made once\n", "other\n"].map((text) =>
      Buffer.from(text),
    ) as [Buffer, Buffer, Buffer];
    const digests = new UcfDigests();
    digests.note(left, shipped);
    const list = (digest: string) => `${digest}  /etc/made\n${md5Of(other)}  /etc/other\n`;
    const updated = digests.updated(Buffer.from(list(md5Of(left))));
    expect(Buffer.from(updated).toString()).toBe(list(md5Of(shipped)));
  });

  it("has its lists at these paths", () => {
    const paths = ["hashfile", "hashfile.0", "registry", "cache/:etc:hashfile"];
    expect(paths.filter((path) => UcfDigests.isList(`var/lib/ucf/${path}`))).toEqual([
      "hashfile",
      "hashfile.0",
    ]);
  });
});
