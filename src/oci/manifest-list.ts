import { z } from "zod";
import type { Descriptor, Platform } from "./descriptor.ts";
import { type Digest, isDigest } from "./digest.ts";

const Entries = z.looseObject({
  manifests: z
    .array(
      z.looseObject({
        mediaType: z.string(),
        digest: z.string().refine(isDigest),
        size: z.number(),
        artifactType: z.string().optional(),
        platform: z.looseObject({ os: z.string(), architecture: z.string() }).nullish().catch(null),
      }),
    )
    .nullish(),
});

/** An entry of an index or list. */
export type ListEntry = Pick<Descriptor, "mediaType" | "digest" | "size" | "artifactType"> & {
  readonly platform?: Pick<Platform, "os" | "architecture"> | null | undefined;
};

/** The entries of a stored index or list; none when the bytes are something else. */
export function listEntries(bytes: Uint8Array): readonly ListEntry[] {
  const parsed = Entries.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  return (parsed.data?.manifests ?? []) as readonly ListEntry[];
}

/** The first entry of a stored index or list for that platform. */
export function chooseChild(
  bytes: Uint8Array,
  { os, architecture }: Pick<Platform, "os" | "architecture">,
): Digest | undefined {
  return listEntries(bytes).find(
    ({ platform }) => platform?.os === os && platform.architecture === architecture,
  )?.digest;
}
