import { posix } from "node:path";
import { mattersToFirstStart } from "./configure/first-start.ts";
import { ElfProbe } from "./elf-library.ts";
import { readMaintainerScript } from "./maintainer-script.ts";
import type { PackageFacts } from "./package-facts.ts";
import { COPIED_TEXTS } from "./script-files.ts";
import { MERGED_FOLDERS, mergedPath } from "./tree-path.ts";

/** The control files of a package to read, by name. */
export type ControlFiles = ReadonlyMap<string, ControlFile>;

/** One file of a package's control archive. */
export interface ControlFile {
  readonly bytes: Uint8Array;
  /** Permission bits, at most 0o777. */
  readonly mode: number;
}

/** A configuration file: its path as the package lists it, and the MD5 of its content once that was read. */
interface Conffile {
  readonly path: string;
  md5: string | undefined;
}

const MAX_TEXT_BYTES = 1 << 18;
const LIBRARY = /^(?:lib[^/]*|ld-[^/]*|ld)\.so(?:\.[^/]*)?$|^(?:lib|ld-)[^/]*\.so[^/]*$/;

/** Files whose text the last layer needs. */
const FACT_TEXTS = [
  /^usr\/share\/base-passwd\/(?:passwd|group)\.master$/,
  /^usr\/lib\/sysusers\.d\/[^/]+\.conf$/,
  /^etc\/ld\.so\.conf(?:\.d\/[^/]+\.conf)?$/,
  /^usr\/share\/debianutils\/shells(?:\.d\/[^/]+)?$/,
  /^usr\/share\/ca-certificates\/.+\.crt$/,
];

/** Observes the files of one package, and collects the facts about them. */
export class PackageObserver {
  readonly #control: ControlFiles;
  readonly #paths = new Set<string>();
  readonly #texts: Record<string, string> = {};
  /** By path in the image. */
  readonly #conffiles = new Map<string, Conffile>();
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
      if (path.startsWith("/")) this.#conffiles.set(mergedPath(path.slice(1)), { path, md5: undefined });
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
    const conffile = this.#conffiles.get(path);
    if (conffile !== undefined) return this.#watchConffile(conffile, path, size);
    if (LIBRARY.test(posix.basename(path)) && path.startsWith("usr/")) return this.#watchLibrary(path);
    if (size > MAX_TEXT_BYTES) return undefined;
    return this.#watchText(path);
  }

  /** The facts of the package; call it after the last file. */
  facts(): PackageFacts {
    const wishes = readMaintainerScript(this.#text("postinst"));
    const has = (path: string): boolean => this.#paths.has(mergedPath(path.slice(1)));
    return {
      control: this.#text("control").trim(),
      conffiles: [...this.#conffiles.values()].flatMap(({ path, md5 }) =>
        md5 === undefined ? [] : [{ path, md5 }],
      ),
      texts: this.#ownTexts(),
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
      hasTimeZones: this.#hasTimeZones(),
    };
  }

  #text(name: string): string {
    const bytes = this.#control.get(name)?.bytes;
    return bytes === undefined ? "" : Buffer.from(bytes).toString("utf8");
  }

  #watchConffile(conffile: Conffile, path: string, size: number) {
    const hash = new Bun.CryptoHasher("md5");
    const text = size <= MAX_TEXT_BYTES ? this.#watchText(path) : undefined;
    return {
      push: (chunk: Uint8Array): void => {
        hash.update(chunk);
        text?.push(chunk);
      },
      finish: (): void => {
        conffile.md5 = hash.digest("hex");
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
    if (!(path in COPIED_TEXTS || FACT_TEXTS.some((pattern) => pattern.test(path)))) return undefined;
    const chunks: Uint8Array[] = [];
    return {
      push: (chunk: Uint8Array): void => void chunks.push(chunk.slice()),
      finish: (): void => {
        this.#texts[path] = Buffer.concat(chunks).toString("utf8");
      },
    };
  }

  /** The texts, without those that a script would copy to a path where the package has a file. */
  #ownTexts(): PackageFacts["texts"] {
    const isThere = (copy: string | undefined) => copy !== undefined && this.#paths.has(copy);
    return Object.fromEntries(Object.entries(this.#texts).filter(([path]) => !isThere(COPIED_TEXTS[path])));
  }

  /** Whether it has all time zones, but no choice of one. */
  #hasTimeZones(): boolean {
    return this.#paths.has("usr/share/zoneinfo/Etc/UTC") && !this.#paths.has("etc/localtime");
  }
}
