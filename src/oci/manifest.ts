import type { z } from "zod";
import type { Digest } from "./digest.ts";
import {
  ArtifactShape,
  ImageShape,
  IndexShape,
  type ShapedDescriptor,
  type ShapedImage,
  TypedShape,
} from "./manifest-shapes.ts";
import { bareMediaType, isNonDistributable, MediaType } from "./media-types.ts";
import { RegistryError } from "./registry-error.ts";
import { JsonProblem, parseStrictJson } from "./strict-json.ts";

/** Largest manifest taken, in bytes: what the specification asks registries to accept at the least. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** One thing that a manifest names and that the registry may hold. */
export interface ReferencedContent {
  readonly kind: "config" | "layer" | "manifest";
  readonly digest: Digest;
  readonly size: number;
  /** Layers that may live elsewhere are not asked for (image-spec layer.md, "Non-Distributable Layers"). */
  readonly optional: boolean;
}

/** What the registry needs to know of a manifest; the bytes themselves stay as they came. */
export interface ParsedManifest {
  readonly mediaType: string;
  readonly references: readonly ReferencedContent[];
  readonly subject?: Digest;
  /** What the referrers listing says: the manifest's own, else an image's config type; an index may have none. */
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

type Parser = (value: unknown, mediaType: string) => ParsedManifest;

const PARSERS: Readonly<Record<string, Parser>> = {
  [MediaType.ociManifest]: parseImage,
  [MediaType.dockerManifest]: parseImage,
  [MediaType.ociIndex]: parseIndex,
  [MediaType.dockerList]: parseIndex,
  [MediaType.ociArtifact]: parseArtifact,
};

/**
 * What `bytes` say, read once; nothing of them is kept.
 *
 * `contentType` is the push's header. Without one, or with a generic JSON type, the body's own `mediaType` decides,
 * else its shape.
 *
 * @throws {RegistryError} `manifest-invalid` with every problem found and where it stands
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  const value = parseJson(bytes);
  const inBody = TypedShape.safeParse(value);
  if (!inBody.success) throw invalid(inBody.error);
  const declared = bareMediaType(contentType ?? "");
  const generic = declared === "" || declared === "application/json";
  const mediaType = generic ? (inBody.data.mediaType ?? typeByShape(inBody.data)) : declared;
  const parse = PARSERS[mediaType];
  if (parse === undefined) {
    throw new RegistryError("manifest-invalid", "unsupported manifest media type", {
      detail: { mediaType, supported: Object.keys(PARSERS) },
    });
  }
  if (inBody.data.mediaType !== undefined && inBody.data.mediaType !== mediaType) {
    throw new RegistryError("manifest-invalid", "the manifest's mediaType is not its Content-Type", {
      detail: { contentType: mediaType, mediaType: inBody.data.mediaType },
    });
  }
  return parse(value, mediaType);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonProblem)) throw error;
    throw new RegistryError("manifest-invalid", `the manifest ${error.message}`);
  }
}

/** OCI manifests need not state their type: an index is what has `manifests` (image-spec image-index.md). */
function typeByShape(value: Readonly<Record<string, unknown>>): string {
  return "manifests" in value ? MediaType.ociIndex : MediaType.ociManifest;
}

function parseImage(value: unknown, mediaType: string): ParsedManifest {
  const image = check(ImageShape, value);
  if (mediaType === MediaType.dockerManifest) requireDockerFields(image);
  const layers = (image.layers ?? []).map((layer) => reference("layer", layer));
  return {
    mediaType,
    references: image.config ? [reference("config", image.config), ...layers] : layers,
    ...referrerFields(image, image.artifactType || image.config?.mediaType),
  };
}

function parseIndex(value: unknown, mediaType: string): ParsedManifest {
  const index = check(IndexShape, value);
  if (mediaType === MediaType.dockerList && index.mediaType === undefined) throw missing("mediaType");
  return {
    mediaType,
    references: (index.manifests ?? []).map((child) => reference("manifest", child)),
    ...referrerFields(index, index.artifactType),
  };
}

function parseArtifact(value: unknown, mediaType: string): ParsedManifest {
  const artifact = check(ArtifactShape, value);
  return {
    mediaType,
    references: (artifact.blobs ?? []).map((blob) => reference("layer", blob)),
    ...referrerFields(artifact, artifact.artifactType),
  };
}

function requireDockerFields(image: ShapedImage): void {
  if (image.mediaType === undefined) throw missing("mediaType");
  if (image.config === undefined) throw missing("config");
}

function reference(kind: ReferencedContent["kind"], descriptor: ShapedDescriptor): ReferencedContent {
  const { digest, size, mediaType } = descriptor;
  return { kind, digest, size, optional: kind === "layer" && isNonDistributable(mediaType) };
}

function referrerFields(
  manifest: {
    subject?: ShapedDescriptor | undefined;
    annotations?: Record<string, string> | null | undefined;
  },
  artifactType: string | undefined,
): Pick<ParsedManifest, "subject" | "artifactType" | "annotations"> {
  return {
    ...(manifest.subject ? { subject: manifest.subject.digest } : {}),
    ...(artifactType ? { artifactType } : {}),
    ...(manifest.annotations ? { annotations: manifest.annotations } : {}),
  };
}

function check<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error);
}

/** Problems reported of one manifest; a hostile one could have millions. */
const MAX_PROBLEMS = 20;

function invalid(error: z.ZodError): RegistryError {
  const problems = error.issues
    .slice(0, MAX_PROBLEMS)
    .map((issue) => `${issue.path.join(".") || "manifest"}: ${issue.message}`);
  return new RegistryError("manifest-invalid", "manifest invalid", { detail: problems });
}

function missing(field: string): RegistryError {
  return new RegistryError("manifest-invalid", "manifest invalid", { detail: [`${field}: is required`] });
}
