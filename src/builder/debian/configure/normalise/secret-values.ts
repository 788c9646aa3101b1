import type { StreamedEntry } from "../../../archive/tar-reader.ts";
import { md5Of } from "./ucf-digests.ts";

/** A place where maintainer scripts write a value that they make up. */
interface SecretPlace {
  /** Matches the path of the file, without a leading slash. */
  readonly path: RegExp;
  /** Matches each value, as its only group. */
  readonly value: RegExp;
  /** How many characters the value has that the first start makes; as many as the one that was found, if absent. */
  readonly length?: number;
  /** The characters that it may have, as tr(1) takes them; of the same kind as in the one that was found, if absent. */
  readonly alphabet?: string;
}

/** Names of settings that hold a secret. */
const SECRET_NAME =
  "(?:[Ss][Ee][Cc][Rr][Ee][Tt]|[Pp][Aa][Ss][Ss](?:[Ww](?:[Oo][Rr])?[Dd])?|[Tt][Oo][Kk][Ee][Nn]|[Kk][Ee][Yy])";
/** What no person writes, and no path: hexadecimal digits, or both kinds of letters with digits among them. */
const RANDOM =
  "[0-9a-f]{32,128}|(?!/)(?=[^\\n0-9]{0,64}[0-9])(?=[^\\na-z]{0,64}[a-z])(?=[^\\nA-Z]{0,64}[A-Z])[A-Za-z0-9+/=_-]{20,128}";

const SECRET_PLACES: readonly SecretPlace[] = [
  {
    path: /^etc\//,
    // Every repetition is bounded: a hostile package may have lines of any length.
    value: new RegExp(
      `^[ \\t]{0,8}(?:export )?[\\w.-]{0,40}${SECRET_NAME}[\\w.-]{0,40} {0,8}[=:] {0,8}["']?(${RANDOM})["']? {0,8};?$`,
      "gm",
    ),
  },
  // What takes its place is no hash: nobody gets in until the administrator sets a password.
  { path: /^etc\/backuppc\/htpasswd$/, value: /^backuppc:(.+)$/gm, length: 32 },
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
  { path: /^etc\/zm\/core\.php$/, value: /^\tConfigure::write\('Security\.salt', '(.+)'\);$/gm, length: 29 },
  {
    path: /^etc\/zm\/core\.php$/,
    value: /^\tConfigure::write\('Security\.cipherSeed', '(.+)'\);$/gm,
    length: 40,
    alphabet: "0-9",
  },
];

/** Shorter values may also be words. */
const MIN_VALUE_LENGTH = 8;
/** More are no passwords. */
const MAX_VALUES = 32;
/** A larger file is no configuration. */
const MAX_FILE_BYTES = 1 << 20;

/** A value that was left out. */
export interface LeftOut {
  /** Equal for equal values. */
  readonly number: number;
  /** How many characters the value has that takes its place. */
  readonly length: number;
  /** The characters that it may have, as tr(1) takes them. */
  readonly alphabet: string;
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
  /** The values, with what takes their place. */
  readonly #values = new Map<string, LeftOut>();
  readonly #emptied: EmptiedFile[] = [];
  #pattern: RegExp | undefined;

  /** The files that were emptied so far. */
  get emptied(): readonly EmptiedFile[] {
    return this.#emptied;
  }

  /** Whether {@link find} has to see an entry's whole content. */
  concerns(entry: StreamedEntry): boolean {
    return isSmallFile(entry) && placesOf(entry.path).length > 0;
  }

  /** Finds the values in the content of an entry. */
  find(path: string, content: Uint8Array): void {
    const text = Buffer.from(content).toString("latin1");
    for (const place of placesOf(path))
      for (const [, found = ""] of text.matchAll(place.value)) this.#add(found, place);
  }

  /** Whether {@link empty} has to see an entry's content. */
  mayBeIn(entry: StreamedEntry): boolean {
    return this.#values.size > 0 && isSmallFile(entry);
  }

  /** A text's content without the values that were found. */
  empty(path: string, bytes: Uint8Array): Uint8Array {
    const text = Buffer.from(bytes).toString("latin1");
    const pattern = this.#pattern;
    // A program's own format would break.
    if (pattern === undefined || text.includes("\0") || !pattern.test(text)) return bytes;
    const lines: EmptiedLine[] = [];
    const emptied = text.split("\n").map((line, index) => {
      // Every other piece is one of the values.
      const pieces = line.split(pattern);
      if (pieces.length === 1) return line;
      const parts = pieces.map((piece) => this.#values.get(piece) ?? piece);
      lines.push({ number: index + 1, parts });
      return pieces.filter((_, place) => place % 2 === 0).join("");
    });
    const made = Buffer.from(emptied.join("\n"), "latin1");
    this.#emptied.push({ path, md5: md5Of(made), lines });
    return made;
  }

  #add(value: string, { length = value.length, alphabet = alphabetOf(value) }: SecretPlace): void {
    if (value.length < MIN_VALUE_LENGTH || this.#values.has(value) || this.#values.size >= MAX_VALUES) return;
    this.#values.set(value, { number: this.#values.size, length, alphabet });
    // The longest first, as one may begin with another.
    const longestFirst = [...this.#values.keys()].toSorted((left, right) => right.length - left.length);
    this.#pattern = new RegExp(`(${longestFirst.map((text) => RegExp.escape(text)).join("|")})`);
  }
}

function alphabetOf(value: string): string {
  return /^[0-9a-f]+$/.test(value) ? "0-9a-f" : "A-Za-z0-9";
}

function isSmallFile({ type, size, isUnmodified }: StreamedEntry): boolean {
  return type === "file" && isUnmodified !== true && size <= MAX_FILE_BYTES;
}

function placesOf(path: string): readonly SecretPlace[] {
  return SECRET_PLACES.filter((place) => place.path.test(path));
}
