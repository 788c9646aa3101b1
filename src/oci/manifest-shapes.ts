import { z } from "zod";
import { algorithmOf, digestOf, isDigest } from "./digest.ts";
import { MediaType } from "./media-types.ts";

// Everywhere here, an optional field that is null counts as absent: many programs write null for what is not set.

/** The fields of manifests and descriptors that the registry or clients use. */
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
];

const PLATFORM_FIELDS = ["architecture", "os", "os.version", "os.features", "variant", "features"];

/**
 * An object that may have unknown fields, unless they spell one of `known` in another case: Go reads `Layers` as
 * `layers`, so a client would use a field that the registry did not check.
 */
function shape<Shape extends z.ZodRawShape>(fields: Shape, known: readonly string[] = FIELDS) {
  const byFoldedName = new Map(known.map((name) => [fold(name), name]));
  return z.looseObject(fields).superRefine(
    (value, context) => {
      for (const key of Object.keys(value)) {
        const name = byFoldedName.get(fold(key));
        if (name !== undefined && name !== key) {
          context.addIssue({ code: "custom", path: [key], message: `must be spelled ${name}` });
        }
      }
    },
    // Check this even if there are other problems.
    { when: ({ value }) => isObject(value) },
  );
}

/** Folds case as Go does: the long s and the Kelvin sign count as s and k. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

/** An object of strings with any keys. It is not copied, because a copy would lose the key `__proto__`. */
const Annotations = z.custom<Readonly<Record<string, string>>>().superRefine((value, context) => {
  if (!isObject(value)) {
    context.addIssue({ code: "custom", message: "is not an object" });
    return;
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string")
      context.addIssue({ code: "custom", path: [key], message: "is not a string" });
  }
});

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Go writes an unset platform with empty strings.
const PlatformShape = shape(
  {
    architecture: z.string(),
    os: z.string(),
    "os.version": z.string().nullish(),
    "os.features": z.array(z.string()).nullish(),
    variant: z.string().nullish(),
    features: z.array(z.string()).nullish(),
  },
  PLATFORM_FIELDS,
);

// Control characters have no place in a media type, and not every database keeps them.
const MediaTypeText = z
  .string()
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, "has a control character");
const NOT_AN_INTEGER = "is not an integer in digits";
const SchemaVersion = z.literal(2, { error: "is not 2, in digits" });
const DigestText = z.string().refine(isDigest, "is not a supported digest");

const DescriptorShape = shape({
  mediaType: MediaTypeText.min(1),
  digest: DigestText,
  size: z.int(NOT_AN_INTEGER).min(0),
  urls: z.array(z.string()).nullish(),
  annotations: Annotations.nullish(),
  artifactType: MediaTypeText.nullish(),
  data: z.string().nullish(),
  platform: PlatformShape.nullish(),
}).superRefine(({ data, digest, size }, context) => {
  if (data && !isEmbedded(data, digest, size)) {
    context.addIssue({ code: "custom", path: ["data"], message: "does not match the described content" });
  }
});

/** Whether `data` is the described content in Base64 (image-spec descriptor.md, "Embedded Content"). */
function isEmbedded(data: string, digest: z.output<typeof DigestText>, size: number): boolean {
  const bytes = Buffer.from(data, "base64");
  // The decoder skips invalid characters, so encode again and compare.
  if (bytes.byteLength !== size || bytes.toString("base64") !== data) return false;
  return digestOf(bytes, algorithmOf(digest)) === digest;
}

const absent = z.null({ error: "is not allowed in this kind of manifest" }).optional();

const common = {
  artifactType: MediaTypeText.nullish(),
  subject: DescriptorShape.nullish(),
  annotations: Annotations.nullish(),
};

/** An OCI or Docker image manifest (image-spec manifest.md). */
export const ImageShape = shape({
  ...common,
  schemaVersion: SchemaVersion,
  mediaType: z.string().nullish(),
  config: DescriptorShape,
  layers: z.array(DescriptorShape).nullish(),
  manifests: absent,
});

/** An image index or Docker manifest list (image-spec image-index.md). */
export const IndexShape = shape({
  ...common,
  schemaVersion: SchemaVersion,
  mediaType: z.string().nullish(),
  manifests: z.array(DescriptorShape).nullish(),
  config: absent,
  layers: absent,
});

/** The withdrawn artifact manifest, still used by stored artifacts. */
export const ArtifactShape = shape({
  ...common,
  mediaType: z.literal(MediaType.ociArtifact),
  artifactType: MediaTypeText,
  blobs: z.array(DescriptorShape).nullish(),
});

/** The fields in which a manifest states its own type. */
export const TypedShape = z.looseObject({ mediaType: z.string().nullish() });

/** A descriptor that passed its shape. */
export type ShapedDescriptor = z.output<typeof DescriptorShape>;
