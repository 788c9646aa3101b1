import { describe, expect, it } from "bun:test";
import { packageFacts } from "../../../test/support/package-facts.ts";
import { alternativeFiles } from "./alternatives.ts";

describe("alternatives", () => {
  it("point at the choice with the highest priority and are recorded as update-alternatives does", () => {
    const choice = (path: string, priority: number, slaves: readonly string[] = []) => ({
      link: "/bin/editor",
      name: "editor",
      path,
      priority,
      slaves: slaves.map((slave) => ({
        link: "/usr/share/man/editor.1.gz",
        name: "editor.1.gz",
        path: slave,
      })),
    });
    const files = alternativeFiles([
      packageFacts("ed", { alternatives: [choice("/bin/ed", -100)] }),
      packageFacts("nano", { alternatives: [choice("/bin/nano", 40, ["/usr/share/man/nano.1.gz"])] }),
    ]);
    const links = Object.fromEntries(files.map((file) => [file.path, file.linkTarget]));
    expect(links).toMatchObject({
      "etc/alternatives/editor": "/bin/nano",
      "etc/alternatives/editor.1.gz": "/usr/share/man/nano.1.gz",
      "usr/bin/editor": "/etc/alternatives/editor",
      "usr/share/man/editor.1.gz": "/etc/alternatives/editor.1.gz",
    });
    const record = files.find((file) => file.path === "var/lib/dpkg/alternatives/editor");
    expect(Buffer.from(record?.bytes ?? []).toString()).toBe(
      "auto\n/bin/editor\neditor.1.gz\n/usr/share/man/editor.1.gz\n\n/bin/ed\n-100\n\n/bin/nano\n40\n/usr/share/man/nano.1.gz\n\n",
    );
  });
});
