/** A Debian package, pinned to the bytes of its file. */
export interface DebianPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  /** SHA-256 of the package file, in hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Whether it is in every image of its platform. */
  readonly base: boolean;
}
