import { certificateStore, type DerivedFile } from "./certificate-store.ts";
import type { PackageFacts } from "./package-facts.ts";

/** Files that a package's script copies to another place. */
export const COPIED_TEXTS: Readonly<Record<string, string>> = {
  "usr/share/base-files/dot.bashrc": "root/.bashrc",
  "usr/share/base-files/dot.profile": "root/.profile",
  "usr/share/base-files/motd": "etc/motd",
  "usr/share/base-files/profile": "etc/profile",
  "usr/share/libc-bin/nsswitch.conf": "etc/nsswitch.conf",
};

/** The time zone that tzdata sets when it is configured without questions. */
const TIME_ZONE: readonly DerivedFile[] = [
  { path: "etc/localtime", linkTarget: "/usr/share/zoneinfo/Etc/UTC" },
  { path: "etc/timezone", bytes: Buffer.from("Etc/UTC\n") },
];

/** The files that scripts of these packages would make from the packages' own files. */
export function scriptFiles(packages: readonly PackageFacts[]): readonly DerivedFile[] {
  const texts = new Map(packages.flatMap((one) => Object.entries(one.texts)));
  const copies = Object.entries(COPIED_TEXTS).flatMap(([from, path]) => {
    const text = texts.get(from);
    return text === undefined ? [] : [{ path, bytes: Buffer.from(text) }];
  });
  const certificates = [...texts].filter(([path]) => path.startsWith("usr/share/ca-certificates/"));
  const timeZone = packages.some(({ hasTimeZones }) => hasTimeZones) ? TIME_ZONE : [];
  return [...copies, ...certificateStore(new Map(certificates)), ...timeZone];
}
