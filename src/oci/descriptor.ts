import type { Digest } from "./digest.ts";

/** The handle for content: what it is, how long it is, and the digest that proves it (image-spec descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes, 0 or more. */
  readonly size: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly artifactType?: string;
  readonly data?: string;
  readonly platform?: Platform;
}

/** What an image runs on (image-spec image-index.md, "platform"). */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}
