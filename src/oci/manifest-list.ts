import { z } from "zod";
import type { Descriptor, Platform } from "./descriptor.ts";
import { isDigest } from "./digest.ts";

const Entries = z.looseObject({
  manifests: z
    .array(
      z.looseObject({
        digest: z.string().refine(isDigest),
        platform: z.looseObject({ os: z.string(), architecture: z.string() }).nullish().catch(null),
      }),
    )
    .nullish(),
});

/** What the registry uses of an entry of an index or list. */
export type ListEntry = Pick<Descriptor, "digest"> & {
  readonly platform?: Pick<Platform, "os" | "architecture"> | null | undefined;
};

/** The entries of a stored index or list; empty if the bytes are something else. */
export function listEntries(bytes: Uint8Array): readonly ListEntry[] {
  const parsed = Entries.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
  return (parsed.data?.manifests ?? []) as readonly ListEntry[];
}
