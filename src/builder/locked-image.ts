import { z } from "zod";
import { digestOf } from "../oci/digest.ts";
import { FORMAT_VERSION, type ImageLock } from "./image-lock.ts";
import { LockError } from "./lock-error.ts";
import { PLATFORMS } from "./name-components.ts";
import type { PackageRequest } from "./package-source.ts";

/** The lock of one image, as far as it does not belong to a package source. */
export interface LockedImage {
  /** In canonical JSON, however the text was formatted. */
  readonly lock: ImageLock;
  /** The name of the package source. */
  readonly source: string;
  readonly request: PackageRequest;
  readonly plan: LockedPlan;
  /** What the source wrote into the lock: {@link Resolution.lockInputs}, not checked. */
  readonly inputs: Readonly<Record<string, unknown>>;
}

/** How the parts of an image became layers. */
export interface LockedPlan {
  readonly kind: string;
  readonly budget: number;
  /** Digest of the popularity data, if the plan used any. */
  readonly popularity?: string | undefined;
}

const IndexSchema = z.strictObject({ formatVersion: z.number(), images: z.array(z.string()).min(1) });
const LockSchema = z.looseObject({
  formatVersion: z.number(),
  source: z.object({ name: z.string(), formatVersion: z.string() }),
  compressor: z.string(),
  plan: z.object({
    kind: z.string(),
    formatVersion: z.number(),
    budget: z.int().min(4).max(120),
    popularity: z.string().optional(),
  }),
  platform: z.object({ os: z.literal("linux"), architecture: z.enum(Object.keys(PLATFORMS)) }),
  packages: z.array(z.string()).min(1),
});

/**
 * Reads the locks of the images that shall become one: that of an image, or those of an index's images, in order. The
 * lock of the index itself may be among them; it then says which others there are, and their order.
 *
 * @throws {LockError} if one is damaged or has another format, or they do not belong together
 */
export function parseLocks(texts: readonly string[]): readonly LockedImage[] {
  const values = texts.map(parseJson);
  const indexes = values.flatMap((value) => IndexSchema.safeParse(value).data ?? []);
  const images = values.filter((value) => !IndexSchema.safeParse(value).success).map(parseImage);
  const ordered = indexes.reduce<readonly LockedImage[]>(
    (some, { images: digests }) => inOrder(some, digests),
    images,
  );
  const [first, ...others] = ordered;
  if (first === undefined) throw new LockError("there is no lock of an image");
  const { source, request } = first;
  const isOne = others.every(
    (other) => other.source === source && String(other.request.packages) === String(request.packages),
  );
  const platforms = new Set(ordered.map((one) => one.request.platform.architecture));
  if (!isOne || platforms.size < ordered.length)
    throw new LockError("the locks are not those of one index: the same packages for different platforms");
  return ordered;
}

/** The images that the lock of an index names, in its order. */
function inOrder(images: readonly LockedImage[], digests: readonly string[]): readonly LockedImage[] {
  const byDigest = new Map<string, LockedImage>(images.map((image) => [image.lock.digest, image]));
  const missing = digests.filter((digest) => !byDigest.has(digest));
  if (missing.length > 0)
    throw new LockError(
      `it is the lock of an index; give the locks of its images as well: ${missing.join(", ")}`,
    );
  if (images.length > digests.length) throw new LockError("the lock of the index does not name all others");
  return digests.flatMap((digest) => byDigest.get(digest) ?? []);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new LockError("it is not JSON");
  }
}

function parseImage(value: unknown): LockedImage {
  const { formatVersion } = z.looseObject({ formatVersion: z.number() }).safeParse(value).data ?? {};
  if (formatVersion === undefined) throw new LockError("it is not the lock of an image");
  if (formatVersion !== FORMAT_VERSION)
    throw new LockError(`it has format ${formatVersion}, and this Slipway reads and makes ${FORMAT_VERSION}`);
  const result = LockSchema.safeParse(value);
  if (!result.success) throw damaged(result.error);
  const { formatVersion: _, source, compressor: __, plan, platform, packages, ...inputs } = result.data;
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const lock = { bytes, digest: digestOf(bytes) };
  return {
    lock,
    source: source.name,
    request: { packages, platform, revision: "latest" },
    plan,
    inputs,
  };
}

/** The error for a lock with a member that is missing or has a form that Slipway does not write. */
export function damaged({ issues: [issue] }: z.ZodError): LockError {
  return new LockError(`it is damaged: ${issue?.path.join(".") || "it"}: ${issue?.message}`);
}
