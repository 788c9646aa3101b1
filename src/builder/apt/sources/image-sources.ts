import { type BuildSources, hasKeyBlock, signersOf } from "./build-sources.ts";
import { armorKeys, publicKeysIn } from "./public-keys.ts";
import { type SourceEntry, wordsOf } from "./source-entry.ts";

/** The image that sources are written for. */
export interface SourcesReader {
  /** Debian's name of the architecture. */
  readonly architecture: string;
  /** The names of the image's packages. */
  readonly packages: ReadonlySet<string>;
}

/** The sources of an image. */
export interface ImageSourcesText {
  /** In deb822 format; `undefined` if the build has none. */
  readonly text: string | undefined;
  /** Why sources of the build are left out, for people. */
  readonly leftOut: readonly string[];
}

/** The keyring of Debian's own package, by its names on a host, and by the one that it has in every release. */
const DEBIAN_KEYRINGS: ReadonlySet<string> = new Set(
  ["gpg", "pgp"].map((type) => `/usr/share/keyrings/debian-archive-keyring.${type}`),
);
const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const UBUNTU_KEYRING = "/usr/share/keyrings/ubuntu-archive-keyring.gpg";

/** The options that a source keeps. Others are unknown to apt, which ignores them, or mean nothing in an image. */
const OPTIONS: readonly string[] = [
  ...["Architectures", "Languages", "Targets"].flatMap((list) => [list, `${list}-Add`, `${list}-Remove`]),
  "PDiffs",
  "By-Hash",
  "Allow-Insecure",
  "Allow-Weak",
  "Allow-Downgrade-To-Insecure",
  "Trusted",
  "Check-Valid-Until",
  "Valid-Until-Min",
  "Valid-Until-Max",
  "Check-Date",
  "Date-Max-Future",
  "InRelease-Path",
  "Snapshot",
];

/** The methods that are part of apt. */
const METHODS: ReadonlySet<string> = new Set(["http", "https", "mirror", "mirror+http", "mirror+https"]);
const LOCAL_METHODS: ReadonlySet<string> = new Set(["file", "copy", "cdrom", "mirror+file", "mirror+copy"]);
/** A suite, a component or a value: what cannot be an address with a password. */
const PLAIN_WORD = /^[A-Za-z0-9$()+,./~_-]+$/;
const ADDRESS =
  /^(?<method>[a-z0-9+]+):\/\/(?:(?<credentials>[^/]*)@)?(?<host>(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d+)?)(?<path>\/[^@?#\\"]*)?$/i;
const FINGERPRINT = /^[0-9A-Fa-f]{16,64}!?$/;

/** A source of the build that cannot be in an image; the message says why. */
class LeftOut extends Error {
  override readonly name = "LeftOut";
}

/**
 * The sources of a build, as they are written into an image: without credentials, sources on the build's machine, and
 * paths of that machine. The same for the same sources and keys.
 *
 * A keyring that a package of the image brings is named; the keys of any other are in the text.
 */
export function imageSourcesText(sources: BuildSources, reader: SourcesReader): ImageSourcesText {
  const used = sources.entries.filter((entry) => isUsed(entry, reader.architecture));
  if (used.length === 0) return { text: undefined, leftOut: [] };
  const leftOut: string[] = [];
  const stanzas = used.map((entry) => {
    try {
      return stanzaOf(entry, sources, reader);
    } catch (error) {
      if (!(error instanceof LeftOut)) throw error;
      leftOut.push(error.message);
      return `# One source is left out: ${error.message}.\n`;
    }
  });
  return { text: ["# Where the packages of this image come from.\n", ...stanzas].join("\n"), leftOut };
}

/** Whether the build read package lists from this source. */
function isUsed({ types, options }: SourceEntry, architecture: string): boolean {
  const list = (name: string) => wordsOf(options.get(name));
  const named = options.has("architectures") ? list("architectures") : [architecture];
  const all = new Set([...named, ...list("architectures-add")]).difference(
    new Set(list("architectures-remove")),
  );
  return types.includes("deb") && all.has(architecture);
}

/** @throws {LeftOut} */
function stanzaOf(entry: SourceEntry, { keyrings }: BuildSources, reader: SourcesReader): string {
  const { suites, components, options } = entry;
  const addresses = entry.uris.map(addressOf);
  if (addresses.length === 0 || suites.length === 0) throw new LeftOut("it is not understood");
  const kept = OPTIONS.flatMap((name) => {
    const words = wordsOf(options.get(name.toLowerCase()));
    return words.length === 0 ? [] : [[name, words] as const];
  });
  const fields: readonly (readonly [string, readonly string[]])[] = [
    ["Types", ["deb"]],
    ["URIs", addresses.map(({ address }) => address)],
    ["Suites", suites],
    ["Components", components],
    ...kept,
  ];
  if (
    ![...suites, ...components, ...kept.flatMap(([, words]) => words)].every((word) => PLAIN_WORD.test(word))
  )
    throw new LeftOut("it is not understood");
  const hadCredentials = addresses.some((one) => one.hadCredentials);
  return [
    ...(hadCredentials
      ? ["# Its user and password are left out: apt reads them in /etc/apt/auth.conf.d."]
      : []),
    ...fields.filter(([, words]) => words.length > 0).map(([name, words]) => `${name}: ${words.join(" ")}`),
    ...signedBy(entry, keyrings, reader),
    "",
  ].join("\n");
}

/**
 * An address without credentials.
 *
 * @throws {LeftOut}
 */
function addressOf(uri: string): { readonly address: string; readonly hadCredentials: boolean } {
  const method = /^[^:]*/.exec(uri)?.[0].toLowerCase() ?? "";
  if (LOCAL_METHODS.has(method)) throw new LeftOut("it is on the machine that made this image");
  const groups = ADDRESS.exec(uri)?.groups;
  if (groups === undefined) throw new LeftOut("its address is not understood");
  if (!METHODS.has(method)) throw new LeftOut(`apt itself cannot read from ${method} addresses`);
  const { credentials, host, path = "/" } = groups;
  return { address: `${method}://${host}${path}`, hadCredentials: credentials !== undefined };
}

/**
 * The lines of the field `Signed-By`, if the source has one.
 *
 * @throws {LeftOut}
 */
function signedBy(
  entry: SourceEntry,
  keyrings: BuildSources["keyrings"],
  { packages }: SourcesReader,
): readonly string[] {
  const block = entry.options.get("signed-by") ?? "";
  if (hasKeyBlock(block)) return keyField([publicKeysIn(Buffer.from(unfolded(block)))]);
  const signers = signersOf(entry).map((signer) => (DEBIAN_KEYRINGS.has(signer) ? DEBIAN_KEYRING : signer));
  const brought = new Set([
    ...(packages.has("debian-archive-keyring") ? [DEBIAN_KEYRING] : []),
    ...(packages.has("ubuntu-keyring") ? [UBUNTU_KEYRING] : []),
  ]);
  if (signers.length === 0) return [];
  if (signers.every((signer) => brought.has(signer) || FINGERPRINT.test(signer)))
    return [`Signed-By: ${signers.join(",")}`];
  return keyField(signersOf(entry).map((signer) => keyrings.get(signer)));
}

function keyField(keyrings: readonly (Uint8Array | undefined)[]): readonly string[] {
  const keys = keyrings.flatMap((one) => one ?? []);
  if (keys.length < keyrings.length) throw new LeftOut("its keyring cannot be read, or is no public key");
  const lines = armorKeys(Buffer.concat(keys)).split("\n");
  return ["Signed-By:", ...lines.map((line) => ` ${line === "" ? "." : line}`)];
}

/** The text of a field with continuation lines; a line with a dot is an empty one. */
function unfolded(value: string): string {
  return value
    .split("\n")
    .map((line) => line.trim())
    .map((line) => (line === "." ? "" : line))
    .join("\n");
}
