import { z } from "zod";
import { LOG_LEVELS } from "../log.ts";
import { Apt } from "./apt-schema.ts";
import { Http } from "./http-schema.ts";
import { Nix } from "./nix-schema.ts";

const seconds = (fallback: number, most: number) => z.int().min(1).max(most).default(fallback);
const bytes = (fallback: number) => z.int().min(0).default(fallback);

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const DAY = 86_400;

const Log = z.strictObject({
  level: z.enum(LOG_LEVELS).default("info").describe("Lowest severity to log"),
});

const Content = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("filesystem").default("filesystem").describe("Stores blobs in a folder"),
    root: z.string().min(1).optional().describe("Folder for blobs; default `content` in the data folder"),
    directWrites: z
      .boolean()
      .default(true)
      .describe(
        "Writes large uploads directly to disk, bypassing the page cache, if the file system supports it. Pushes are faster and cached files stay in memory, but the first pull of a blob reads from disk",
      ),
  }),
  z.strictObject({
    driver: z.literal("memory").describe("Stores blobs in memory; they are lost when the server stops"),
    maxBytes: bytes(1024 * MEBIBYTE).describe("Maximum bytes to store"),
  }),
  z.strictObject({
    driver: z.literal("s3").describe("Stores blobs in a bucket of an S3-compatible store"),
    bucket: z.string().min(1).describe("Name of the bucket"),
    region: z.string().min(1).default("us-east-1").describe("Region of the bucket"),
    endpoint: z.url().optional().describe("URL of the store; default AWS"),
    forcePathStyle: z
      .boolean()
      .default(false)
      .describe("Puts the bucket in the path; most stores other than AWS need this"),
    accessKeyId: z
      .string()
      .min(1)
      .optional()
      .describe("Access key; default from the host's AWS configuration"),
    secretAccessKey: z.string().min(1).optional().describe("Secret access key"),
    root: z.string().default("").describe("Prefix of every object's key"),
    partBytes: z
      .int()
      .min(5 * MEBIBYTE)
      .max(5120 * MEBIBYTE)
      .default(16 * MEBIBYTE)
      .describe("Size of each part of an upload"),
    storageClass: z.string().min(1).optional().describe("Storage class of new objects"),
    encryption: z.enum(["AES256", "aws:kms"]).optional().describe("Encryption at rest for new objects"),
    encryptionKeyId: z.string().min(1).optional().describe("Key for aws:kms; default the account's key"),
    redirect: z
      .boolean()
      .default(false)
      .describe("Redirects blob downloads to the store with presigned URLs"),
    redirectEndpoint: z.url().optional().describe("URL of the store for clients, used in redirects"),
  }),
]);

const Metadata = z.discriminatedUnion("engine", [
  z.strictObject({
    engine: z.literal("sqlite").default("sqlite").describe("Stores metadata in one file"),
    path: z
      .string()
      .min(1)
      .optional()
      .describe("Metadata file; default `metadata.sqlite` in the data folder"),
    reserveBytes: z
      .int()
      .min(0)
      .max(1024 * MEBIBYTE)
      .default(16 * MEBIBYTE)
      .describe("Disk space to keep beside the metadata file, so that deletes work when the disk is full"),
  }),
  z.strictObject({
    engine: z
      .literal("postgres")
      .describe("Stores metadata in PostgreSQL, so that several instances can share it"),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, "is not a postgres:// URL")
      .describe("postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    readConnections: z.int().min(1).max(1000).default(4).describe("Number of connections for reads"),
    writeConnections: z.int().min(1).max(1000).default(8).describe("Number of connections for writes"),
  }),
]);

const Cache = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("memory").default("memory").describe("Caches descriptors in this process"),
    maxEntries: z.int().min(1).default(100_000).describe("Maximum descriptors to cache"),
  }),
  z.strictObject({
    driver: z.literal("redis").describe("Caches descriptors in Redis, so that several instances share them"),
    url: z
      .string()
      .regex(/^rediss?:\/\//, "is not a redis:// URL")
      .describe("redis://USER:PASSWORD@HOST:PORT/DATABASE"),
    deadlineMs: z
      .int()
      .min(1)
      .max(10_000)
      .default(50)
      .describe("How long a request waits for the cache, in milliseconds"),
  }),
  z.strictObject({ driver: z.literal("none").describe("Caches no descriptors") }),
]);

const Registry = z.strictObject({
  deletes: z.boolean().default(true).describe("Allows clients to delete blobs, manifests and tags"),
  sparseManifests: z.boolean().default(false).describe("Accepts manifests that name missing content"),
  looseListSizes: z
    .boolean()
    .default(false)
    .describe("Accepts indexes and lists that give wrong sizes for their manifests"),
  referrerAnnotationBytes: z
    .int()
    .min(0)
    .max(4 * MEBIBYTE)
    .default(8 * KIBIBYTE)
    .describe(
      "Maximum bytes of the annotations of a manifest with a subject, as JSON; lists of referrers repeat them",
    ),
  uploadExpirySeconds: seconds(7 * DAY, 365 * DAY).describe(
    "Removes unfinished uploads that got no bytes for this long",
  ),
  smallBlobCacheBytes: bytes(32 * MEBIBYTE).describe(
    "Memory for a cache of small blobs, such as image configs; 0 disables it",
  ),
  manifestCacheBytes: bytes(32 * MEBIBYTE).describe("Memory for a cache of manifests; 0 disables it"),
});

const Builder = z.strictObject({
  enabled: z.boolean().default(true).describe("Builds images on demand"),
  maxLayers: z.int().min(5).max(120).default(94).describe("Maximum layers in an image"),
  pushes: z
    .enum(["everyone", "nobody"])
    .default("everyone")
    .describe(
      "Who may push to names that images are built for, such as `apt/curl`; what is pushed there is served in place of what would be built",
    ),
  plan: z
    .enum(["size", "nixery"])
    .default("size")
    .describe(
      "How packages are grouped into layers: by size, or as Nixery does, for sources that know the references between packages, as Nix does",
    ),
  popularity: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Popularity data for the plan `nixery`: a file or URL in Nixery's format, or `set` for the package set's attribute `popularity`",
    ),
  parallelBuilds: z.int().min(1).max(64).default(2).describe("Maximum images to build at the same time"),
  maxWaiting: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe("Maximum images that may wait to be built; requests beyond that get 429"),
  maxWaitingPerClient: z
    .int()
    .min(1)
    .max(100_000)
    .default(64)
    .describe("Maximum images that may wait to be built for one client; requests beyond that get 429"),
  failureSeconds: z
    .int()
    .min(0)
    .max(DAY)
    .default(60)
    .describe(
      "How long a failed build is not tried again; at most 10 seconds for temporary failures, such as network errors",
    ),
  refreshSeconds: seconds(DAY, 365 * DAY).describe(
    "Checks for newer packages when a pulled image is older than this",
  ),
  timeoutSeconds: seconds(1800, DAY).describe("Maximum time for one build"),
  search: z.boolean().default(true).describe("Indexes packages in the background, for `slipway search`"),
  apt: Apt.prefault({}),
  nix: Nix.prefault({}),
});

/** All settings, with their bounds and defaults. Unknown keys are errors. */
export const ConfigSchema = z.strictObject({
  data: z.string().min(1).default("./data").describe("Folder for all data"),
  http: Http.prefault({}),
  log: Log.prefault({}),
  content: Content.prefault({}),
  metadata: Metadata.prefault({}),
  cache: Cache.prefault({}),
  registry: Registry.prefault({}),
  builder: Builder.prefault({}),
});

/** A configuration that passed the schema. */
export type Config = Readonly<z.output<typeof ConfigSchema>>;
