import { z } from "zod";
import { algorithmOf, digestOf, isDigest } from "./digest.ts";
import { MediaType } from "./media-types.ts";

/** The fields of manifests and descriptors that the registry or a client acts on. */
const FIELDS = [
  "schemaVersion",
  "mediaType",
  "artifactType",
  "config",
  "layers",
  "manifests",
  "blobs",
  "subject",
  "annotations",
  "digest",
  "size",
  "urls",
  "data",
  "platform",
] as const;

const FIELD_BY_FOLDED_NAME: ReadonlyMap<string, string> = new Map(FIELDS.map((name) => [fold(name), name]));

/**
 * An object whose unknown fields are kept apart, except those that spell a known one in another case: Go's reader
 * takes `Layers` for `layers`, so a client would act on what the registry has not checked.
 */
function shape<Shape extends z.ZodRawShape>(fields: Shape) {
  return z.looseObject(fields).superRefine((value, context) => {
    for (const key of Object.keys(value)) {
      const known = FIELD_BY_FOLDED_NAME.get(fold(key));
      if (known !== undefined && known !== key) {
        context.addIssue({ code: "custom", path: [key.slice(0, 64)], message: `must be spelt ${known}` });
      }
    }
  });
}

/** As Go folds: the long s and the Kelvin sign count as s and k. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

// Control characters have no place in a media type, and not every database keeps them.
const MediaTypeText = z
  .string()
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "has a control character");
const DigestText = z.string().refine(isDigest, "is no digest of a supported algorithm");

const DescriptorShape = shape({
  mediaType: MediaTypeText.min(1),
  digest: DigestText,
  size: z.int().min(0),
  urls: z.array(z.string()).nullish(),
  artifactType: MediaTypeText.optional(),
  data: z.string().nullish(),
}).superRefine(({ data, digest, size }, context) => {
  if (data && !isEmbedded(data, digest, size)) {
    context.addIssue({ code: "custom", path: ["data"], message: "is not the content described" });
  }
});

/** Whether `data` is that content in Base64 (image-spec descriptor.md, "Embedded Content"). */
function isEmbedded(data: string, digest: z.output<typeof DigestText>, size: number): boolean {
  const bytes = Buffer.from(data, "base64");
  // The decoder passes over what is no Base64; the encoder tells.
  if (bytes.byteLength !== size || bytes.toString("base64") !== data) return false;
  return digestOf(bytes, algorithmOf(digest)) === digest;
}

const Annotations = z.record(z.string(), z.string());
const absent = z.undefined({ error: "does not belong into this kind of manifest" }).optional();

const common = {
  artifactType: MediaTypeText.optional(),
  subject: DescriptorShape.optional(),
  annotations: Annotations.nullish(),
};

/** An image manifest, of OCI or Docker (image-spec manifest.md). */
export const ImageShape = shape({
  ...common,
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  config: DescriptorShape.optional(),
  layers: z.array(DescriptorShape).nullish(),
  manifests: absent,
});

/** An image index, or Docker's manifest list (image-spec image-index.md). */
export const IndexShape = shape({
  ...common,
  schemaVersion: z.literal(2),
  mediaType: z.string().optional(),
  manifests: z.array(DescriptorShape).nullish(),
  config: absent,
  layers: absent,
});

/** The withdrawn artifact manifest, which stored artifacts still use. */
export const ArtifactShape = shape({
  ...common,
  mediaType: z.literal(MediaType.ociArtifact),
  artifactType: MediaTypeText,
  blobs: z.array(DescriptorShape).nullish(),
});

/** What any manifest may say of its own type. */
export const TypedShape = z.looseObject({ mediaType: z.string().optional() });

export type ShapedDescriptor = z.output<typeof DescriptorShape>;
export type ShapedImage = z.output<typeof ImageShape>;
