/** A Debian package, pinned to the bytes of its file. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** SHA-256 of the package file, in hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** The path of the package file in its repository; see {@link isRepositoryPath}. */
  readonly file: string;
  /** Whether it is in every image of its platform. */
  readonly base: boolean;
}

const MAX_PATH_LENGTH = 1024;

/** Whether `text` is the path of a file in a repository, relative to it and inside it. */
export function isRepositoryPath(text: string): boolean {
  const isText = text.isWellFormed() && !/\p{Cc}/u.test(text);
  const segments = text.split("/");
  const isInside = segments[0] !== "" && segments.at(-1) !== "" && !segments.includes("..");
  return isText && isInside && text.length <= MAX_PATH_LENGTH;
}

/** A path as it is written in the address of a file. */
export function encodePath(path: string): string {
  return path.split("/").map(encodeURIComponent).join("/");
}

/** The name that apt gives to a package's file when it downloads it. */
export function downloadedName({
  name,
  version,
  architecture,
}: Pick<DebianPackage, "name" | "version" | "architecture">): string {
  return `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`;
}

/** A package's name and version, as apt takes them. */
export function pinOf({ name, version }: Pick<DebianPackage, "name" | "version">): string {
  return `${name}=${version}`;
}

/** The size of the files of some packages together. */
export function totalSizeOf(packages: readonly DebianPackage[]): number {
  return packages.reduce((sum, one) => sum + one.sizeBytes, 0);
}
