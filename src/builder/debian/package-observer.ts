import { posix } from "node:path";
import { certificateStore, type DerivedFile } from "./certificate-store.ts";
import { mattersToFirstStart } from "./configure/first-start.ts";
import { ElfProbe } from "./elf-library.ts";
import { readMaintainerScript } from "./maintainer-script.ts";
import type { PackageFacts } from "./package-facts.ts";
import { MERGED_FOLDERS, mergedPath } from "./tree-path.ts";

/** The control files of a package to read, by name. */
export type ControlFiles = ReadonlyMap<string, ControlFile>;

/** One file of a package's control archive. */
export interface ControlFile {
  readonly bytes: Uint8Array;
  /** Permission bits, at most 0o777. */
  readonly mode: number;
}

const MAX_TEXT_BYTES = 1 << 18;
const LIBRARY = /^(?:lib[^/]*|ld-[^/]*|ld)\.so(?:\.[^/]*)?$|^(?:lib|ld-)[^/]*\.so[^/]*$/;

/** Files whose text the last layer needs. */
const FACT_TEXTS = [
  /^usr\/share\/base-passwd\/(?:passwd|group)\.master$/,
  /^usr\/lib\/sysusers\.d\/[^/]+\.conf$/,
  /^etc\/ld\.so\.conf(?:\.d\/[^/]+\.conf)?$/,
  /^usr\/share\/debianutils\/shells(?:\.d\/[^/]+)?$/,
];

/** Files that a package's script copies to another place. */
const COPIES: Readonly<Record<string, string>> = {
  "usr/share/base-files/dot.bashrc": "root/.bashrc",
  "usr/share/base-files/dot.profile": "root/.profile",
  "usr/share/base-files/motd": "etc/motd",
  "usr/share/base-files/profile": "etc/profile",
  "usr/share/libc-bin/nsswitch.conf": "etc/nsswitch.conf",
};

const CERTIFICATE = /^usr\/share\/ca-certificates\/.+\.crt$/;

/** Observes the files of one package, and collects the facts and files that its scripts would derive from them. */
export class PackageObserver {
  readonly #control: ControlFiles;
  readonly #paths = new Set<string>();
  readonly #texts: Record<string, string> = {};
  readonly #copies = new Map<string, string>();
  readonly #certificates = new Map<string, string>();
  readonly #conffiles = new Map<string, string>();
  readonly #libraries: PackageFacts["libraries"] = [];
  readonly #folders: PackageFacts["folders"] = [];
  readonly #mergedFolders = new Set<string>();
  readonly #parentFolders = new Set<string>();
  #newestModification = 0;

  constructor(control: ControlFiles) {
    this.#control = control;
    for (const line of this.#text("conffiles").split("\n")) {
      // A line may begin with a flag, such as remove-on-upgrade (deb-conffiles(5)).
      const path = line.trim();
      if (path.startsWith("/")) this.#conffiles.set(mergedPath(path.slice(1)), "");
    }
  }

  /** Records an entry: its path in the image, and its path in the package. */
  noteEntry(path: string, packagedPath: string, modifiedAt: Date): void {
    this.#paths.add(path);
    this.#parentFolders.add(posix.dirname(path));
    this.#newestModification = Math.max(this.#newestModification, modifiedAt.getTime());
    const first = packagedPath.split("/", 1)[0] ?? "";
    if ((MERGED_FOLDERS as readonly string[]).includes(first)) this.#mergedFolders.add(first);
    else if (path.startsWith("usr/")) {
      const second = path.split("/", 2)[1] ?? "";
      if ((MERGED_FOLDERS as readonly string[]).includes(second)) this.#mergedFolders.add(second);
    }
  }

  /** Records a folder's owner and mode. */
  noteFolder(path: string, mode: number, userId: number, groupId: number): void {
    if (path !== "" && (mode !== 0o755 || userId !== 0 || groupId !== 0)) {
      this.#folders.push({ path, mode, userId, groupId });
    }
  }

  /** A reader for the content of a file; `undefined` if its content does not matter. */
  watch(path: string, size: number): { push(chunk: Uint8Array): void; finish(): void } | undefined {
    if (this.#conffiles.has(path)) return this.#watchConffile(path, size);
    if (LIBRARY.test(posix.basename(path)) && path.startsWith("usr/")) return this.#watchLibrary(path);
    if (size > MAX_TEXT_BYTES) return undefined;
    return this.#watchText(path);
  }

  /** The files that the package's scripts would make from its own files. */
  derivedFiles(): readonly DerivedFile[] {
    const copies = [...this.#copies].map(([path, text]) => ({ path, bytes: Buffer.from(text) }));
    const all = [...copies, ...certificateStore(this.#certificates), ...this.#timeZone()];
    return all.filter((file) => !this.#paths.has(file.path));
  }

  /** The facts of the package; call it after the last file. */
  facts(): PackageFacts {
    const wishes = readMaintainerScript(this.#text("postinst"));
    const has = (path: string): boolean => this.#paths.has(mergedPath(path.slice(1)));
    return {
      control: this.#text("control").trim(),
      conffiles: [...this.#conffiles]
        .filter(([, md5]) => md5 !== "")
        .map(([path, md5]) => ({ path: `/${path}`, md5 })),
      texts: this.#texts,
      groups: [...wishes.groups],
      users: [...wishes.users],
      memberships: [...wishes.memberships],
      alternatives: wishes.alternatives
        .filter((wish) => has(wish.path))
        .map((wish) => ({ ...wish, slaves: wish.slaves.filter((slave) => has(slave.path)) })),
      libraries: this.#libraries,
      folders: this.#folders,
      mergedFolders: [...this.#mergedFolders].toSorted(),
      newestModification: this.#newestModification,
      hasPreinst: this.#control.has("preinst"),
      triggers: this.#text("triggers"),
      startPrograms: [...this.#paths].filter(mattersToFirstStart).toSorted(),
      parentFolders: [...this.#parentFolders].toSorted(),
    };
  }

  #text(name: string): string {
    const bytes = this.#control.get(name)?.bytes;
    return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
  }

  #watchConffile(path: string, size: number) {
    const hash = new Bun.CryptoHasher("md5");
    const text = size <= MAX_TEXT_BYTES ? this.#watchText(path) : undefined;
    return {
      push: (chunk: Uint8Array): void => {
        hash.update(chunk);
        text?.push(chunk);
      },
      finish: (): void => {
        this.#conffiles.set(path, hash.digest("hex"));
        text?.finish();
      },
    };
  }

  #watchLibrary(path: string) {
    const probe = new ElfProbe();
    return {
      push: (chunk: Uint8Array): void => probe.push(chunk),
      finish: (): void => {
        const library = probe.finish();
        if (library === undefined) return;
        const { bits, machine, soname = posix.basename(path) } = library;
        this.#libraries.push({ folder: posix.dirname(path), soname, bits, machine });
      },
    };
  }

  #watchText(path: string) {
    const keep = this.#destination(path);
    if (keep === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    return {
      push: (chunk: Uint8Array): void => void chunks.push(chunk.slice()),
      finish: (): void => keep(Buffer.concat(chunks).toString("utf8")),
    };
  }

  #destination(path: string): ((text: string) => void) | undefined {
    const copy = COPIES[path];
    if (copy !== undefined) return (text) => void this.#copies.set(copy, text);
    if (CERTIFICATE.test(path)) return (text) => void this.#certificates.set(path, text);
    if (FACT_TEXTS.some((pattern) => pattern.test(path))) {
      return (text) => {
        this.#texts[path] = text;
      };
    }
    return undefined;
  }

  /** The time zone that tzdata sets when it is configured without questions. */
  #timeZone(): readonly DerivedFile[] {
    if (!this.#paths.has("usr/share/zoneinfo/Etc/UTC")) return [];
    return [
      { path: "etc/localtime", linkTarget: "/usr/share/zoneinfo/Etc/UTC" },
      { path: "etc/timezone", bytes: Buffer.from("Etc/UTC\n") },
    ];
  }
}
