import type { z } from "zod";
import type { Digest } from "./digest.ts";
import {
  ArtifactShape,
  ImageShape,
  IndexShape,
  type ShapedDescriptor,
  TypedShape,
} from "./manifest-shapes.ts";
import { bareMediaType, isNonDistributable, MediaType } from "./media-types.ts";
import { RegistryError } from "./registry-error.ts";
import { JsonProblem, parseStrictJson } from "./strict-json.ts";

/** Maximum size of a manifest in bytes: the size that the specification asks registries to accept at least. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Content that a manifest names and that the registry may store. */
export interface ReferencedContent {
  readonly kind: "config" | "layer" | "manifest";
  readonly digest: Digest;
  readonly size: number;
  /** True for layers that may be stored elsewhere (image-spec layer.md, "Non-Distributable Layers"). */
  readonly optional: boolean;
}

/** The facts of a manifest that the registry uses. */
export interface ParsedManifest {
  readonly mediaType: string;
  readonly references: readonly ReferencedContent[];
  readonly subject?: Digest | undefined;
  /** Shown in referrers lists: the manifest's own type, otherwise an image's config type; an index may have none. */
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

type Parser = (value: unknown, mediaType: string) => ParsedManifest;

// A map, not an object: the media type is a client's text, which may be `constructor`.
const PARSERS: ReadonlyMap<string, Parser> = new Map([
  [MediaType.ociManifest, parseImage],
  [MediaType.dockerManifest, parseImage],
  [MediaType.ociIndex, parseIndex],
  [MediaType.dockerList, parseIndex],
  [MediaType.ociArtifact, parseArtifact],
]);

/**
 * Parses a manifest; keeps no reference to `bytes`.
 *
 * `contentType` is the header of the push. Without it, or if it is a generic JSON type, the manifest's `mediaType`
 * decides. Without one, its shape decides.
 *
 * @throws {RegistryError} `manifest-invalid` with every problem and its place
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): ParsedManifest {
  const value = parseJson(bytes);
  const inBody = TypedShape.safeParse(value);
  if (!inBody.success) throw invalid(inBody.error);
  const declared = bareMediaType(contentType ?? "");
  const isGeneric = declared === "" || declared === "application/json";
  const mediaType = isGeneric ? (inBody.data.mediaType ?? typeByShape(inBody.data)) : declared;
  const parse = PARSERS.get(mediaType);
  if (parse === undefined) {
    throw new RegistryError("manifest-invalid", "unsupported manifest media type", {
      detail: { mediaType: excerpt(mediaType), supported: [...PARSERS.keys()] },
    });
  }
  const stated = inBody.data.mediaType ?? undefined;
  if (stated !== undefined && stated !== mediaType) {
    throw new RegistryError("manifest-invalid", "the manifest's mediaType and its Content-Type differ", {
      detail: { contentType: mediaType, mediaType: excerpt(stated) },
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

/** The type of a manifest that does not state one: an image has a config and layers (image-spec manifest.md). */
function typeByShape({ config, layers }: Readonly<Record<string, unknown>>): string {
  return (config ?? layers ?? null) !== null ? MediaType.ociManifest : MediaType.ociIndex;
}

function parseImage(value: unknown, mediaType: string): ParsedManifest {
  const image = check(ImageShape, value);
  if (mediaType === MediaType.dockerManifest && !image.mediaType) throw missing("mediaType");
  const layers = (image.layers ?? []).map((layer) => reference("layer", layer));
  return {
    mediaType,
    references: [reference("config", image.config), ...layers],
    ...referrerFields(image, image.artifactType || image.config.mediaType),
  };
}

function parseIndex(value: unknown, mediaType: string): ParsedManifest {
  const index = check(IndexShape, value);
  if (mediaType === MediaType.dockerList && !index.mediaType) throw missing("mediaType");
  return {
    mediaType,
    references: (index.manifests ?? []).map((entry) => reference(kindOfEntry(entry), entry)),
    ...referrerFields(index, index.artifactType),
  };
}

/**
 * What an entry of an index leads to. An entry of another type than a manifest's is content like a layer: BuildKit's
 * registry cache was an index of layers and a `application/vnd.buildkit.cacheconfig.v0`.
 */
function kindOfEntry({ mediaType }: ShapedDescriptor): ReferencedContent["kind"] {
  return PARSERS.has(bareMediaType(mediaType)) ? "manifest" : "layer";
}

function parseArtifact(value: unknown, mediaType: string): ParsedManifest {
  const artifact = check(ArtifactShape, value);
  return {
    mediaType,
    references: (artifact.blobs ?? []).map((blob) => reference("layer", blob)),
    ...referrerFields(artifact, artifact.artifactType),
  };
}

function reference(kind: ReferencedContent["kind"], descriptor: ShapedDescriptor): ReferencedContent {
  const { digest, size, mediaType } = descriptor;
  return { kind, digest, size, optional: kind === "layer" && isNonDistributable(mediaType) };
}

function referrerFields(
  manifest: {
    subject?: ShapedDescriptor | null | undefined;
    annotations?: Readonly<Record<string, string>> | null | undefined;
  },
  artifactType: string | null | undefined,
): Pick<ParsedManifest, "subject" | "artifactType" | "annotations"> {
  return {
    subject: manifest.subject?.digest,
    artifactType: artifactType || undefined,
    annotations: manifest.annotations ?? undefined,
  };
}

function check<Shape extends z.ZodType>(shape: Shape, value: unknown): z.output<Shape> {
  const result = shape.safeParse(value);
  if (result.success) return result.data;
  throw invalid(result.error);
}

/** Maximum problems to report of one manifest; a hostile one could have millions. */
const MAX_PROBLEMS = 20;

function invalid(error: z.ZodError): RegistryError {
  const problems = error.issues
    .slice(0, MAX_PROBLEMS)
    .map((issue) => `${place(issue.path)}: ${issue.message}`);
  return new RegistryError("manifest-invalid", "manifest invalid", { detail: problems });
}

function place(path: readonly PropertyKey[]): string {
  return path.map((key) => excerpt(String(key))).join(".") || "manifest";
}

/** The beginning of a client's text, short enough to repeat in an error. */
function excerpt(text: string): string {
  return text.slice(0, 100);
}

function missing(field: string): RegistryError {
  return new RegistryError("manifest-invalid", "manifest invalid", { detail: [`${field}: is required`] });
}
