import { readBegin } from "../../../archive/read-begin.ts";
import type { StreamedEntry } from "../../../archive/tar-reader.ts";

/** A place where maintainer scripts write a value that they make up. */
interface SecretPlace {
  /** Matches the path of the file, without a leading slash. */
  readonly path: RegExp;
  /** Matches each value, as its only group. */
  readonly value: RegExp;
  /** Characters of the value that the first start makes. */
  readonly length: number;
}

const SECRET_PLACES: readonly SecretPlace[] = [
  { path: /^etc\/bacula\/common_default_passwords$/, value: /^[A-Z]+PASSWD=(.+)$/gm, length: 32 },
  { path: /^etc\/dbconfig-common\/[^/]+\.conf$/, value: /^dbc_dbpass='([^'\n]+)'$/gm, length: 32 },
  { path: /^etc\/mailman3\/mailman\.cfg$/, value: /^admin_pass: (.+)$/gm, length: 32 },
  {
    path: /^etc\/mailman3\/mailman-web\.py$/,
    value: /^(?:SECRET_KEY|MAILMAN_ARCHIVER_KEY) = '([^'\n]+)'$/gm,
    length: 48,
  },
  { path: /^etc\/redmine\/[^/]+\/secret_key\.txt$/, value: /^([0-9a-f]+)$/gm, length: 64 },
  // Its cipher takes a key of this length.
  { path: /^etc\/roundcube\/config\.inc\.php$/, value: /^\$config\['des_key'\] = '(.+)';$/gm, length: 24 },
  {
    path: /^var\/lib\/phpmyadmin\/blowfish_secret\.inc\.php$/,
    value: /^\$cfg\['blowfish_secret'\] = '(.+)';$/gm,
    length: 32,
  },
];

/** Shorter values may also be words. */
const MIN_VALUE_LENGTH = 8;
/** A larger file is no configuration. */
const MAX_FILE_BYTES = 1 << 20;
/** ucf's digests of what packages wrote, so that it knows files that somebody changed. */
const UCF_DIGESTS = /^var\/lib\/ucf\/hashfile(?:\.[0-9]+)?$/;

/** A value that was left out. */
export interface LeftOut {
  /** Equal for equal values. */
  readonly number: number;
  /** Characters of the value that takes its place. */
  readonly length: number;
}

/** A line without its secret values, and where they were. */
export interface EmptiedLine {
  /** From 1. */
  readonly number: number;
  /** The values, and the text around them. */
  readonly parts: readonly (string | LeftOut)[];
}

/** A file without its secret values. */
export interface EmptiedFile {
  /** Path without a leading slash. */
  readonly path: string;
  /** MD5 digest of what is shipped, in hexadecimal digits. */
  readonly md5: string;
  readonly lines: readonly EmptiedLine[];
}

/** Passwords and the like that scripts made up. They are emptied wherever they are, and the first start makes others. */
export class SecretValues {
  /** The values, with the lengths of those that take their place. */
  readonly #values = new Map<string, number>();
  readonly #emptied: EmptiedFile[] = [];
  /** Digests of the emptied files, by those of the files before. */
  readonly #digests = new Map<string, string>();

  /** The files that were emptied so far. */
  get emptied(): readonly EmptiedFile[] {
    return this.#emptied;
  }

  /** Whether {@link find} has to read an entry. */
  concerns({ path, type, size, isUnmodified }: StreamedEntry): boolean {
    return type === "file" && isUnmodified !== true && size <= MAX_FILE_BYTES && placesOf(path).length > 0;
  }

  /** Finds the values in an entry, whose content it reads. */
  async find({ path, size, content }: StreamedEntry): Promise<void> {
    const text = Buffer.from(await readBegin(content, size)).toString("latin1");
    for (const { value, length } of placesOf(path))
      for (const [, found = ""] of text.matchAll(value))
        if (found.length >= MIN_VALUE_LENGTH) this.#values.set(found, length);
  }

  /** Whether {@link empty} has to see an entry's content. */
  mayBeIn({ type, size, isUnmodified }: StreamedEntry): boolean {
    return this.#values.size > 0 && type === "file" && isUnmodified !== true && size <= MAX_FILE_BYTES;
  }

  /** A text's content without the values that were found. Call it in the order of the archive. */
  empty(path: string, bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString("latin1");
    if (UCF_DIGESTS.test(path)) return this.#withNewDigests(text);
    // A program's own format would break.
    if (text.includes("\0") || ![...this.#values.keys()].some((value) => text.includes(value))) return bytes;
    const lines: EmptiedLine[] = [];
    const emptied = text.split("\n").map((line, index) => {
      const parts = this.#partsOf(line);
      if (parts.length === 1) return line;
      lines.push({ number: index + 1, parts });
      return parts.filter((part) => typeof part === "string").join("");
    });
    const made = Buffer.from(emptied.join("\n"), "latin1");
    const md5 = md5Of(made);
    this.#digests.set(md5Of(bytes), md5);
    this.#emptied.push({ path, md5, lines });
    return made;
  }

  #partsOf(line: string): EmptiedLine["parts"] {
    return [...this.#values].reduce<EmptiedLine["parts"]>(
      (parts, [value, length], number) =>
        parts.flatMap((part) =>
          typeof part === "string"
            ? part.split(value).flatMap((text, index) => (index === 0 ? [text] : [{ number, length }, text]))
            : [part],
        ),
      [line],
    );
  }

  #withNewDigests(text: string): Uint8Array {
    const made = text.replace(/^[0-9a-f]{32}/gm, (digest) => this.#digests.get(digest) ?? digest);
    return Buffer.from(made, "latin1");
  }
}

function placesOf(path: string): readonly SecretPlace[] {
  return SECRET_PLACES.filter((place) => place.path.test(path));
}

function md5Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("md5").update(bytes).digest("hex");
}
