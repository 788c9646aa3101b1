import { z } from "zod";
import { LOG_LEVELS } from "../log.ts";

const seconds = (fallback: number, most: number) => z.int().min(1).max(most).default(fallback);
const bytes = (fallback: number) => z.int().min(0).default(fallback);

const MEBIBYTE = 1024 * 1024;
const DAY = 86_400;

const Http = z.strictObject({
  host: z.string().min(1).default("127.0.0.1").describe("Address to listen on"),
  port: z.int().min(0).max(65_535).default(5000).describe("Port to listen on; 0 picks a free one"),
  idleTimeoutSeconds: seconds(60, 255).describe("A connection without a byte for so long is closed"),
  drainTimeoutSeconds: seconds(30, 3600).describe("How long running requests may take after SIGTERM"),
  catalogPageSize: z
    .int()
    .min(1)
    .max(10_000)
    .default(1000)
    .describe("Most repositories in one page of the catalog"),
  tagPageSize: z.int().min(1).max(1_000_000).default(100_000).describe("Most tags in one page"),
  referrersPageSize: z.int().min(1).max(10_000).default(1000).describe("Most referrers in one page"),
});

const Log = z.strictObject({
  level: z.enum(LOG_LEVELS).default("info").describe("Least severity that is logged"),
});

const Content = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("filesystem").describe("Keeps blobs in a folder"),
    root: z.string().min(1).optional().describe("The folder; `content` in the data folder unless given"),
    directWrites: z
      .boolean()
      .default(true)
      .describe(
        "Writes large uploads past the system's page cache, where the file system can: pushes cost less and crowd nothing out of memory, and the first pull of a blob reads it from the disk",
      ),
  }),
  z.strictObject({
    driver: z.literal("memory").describe("Keeps blobs in memory, and loses them at the end"),
    maxBytes: bytes(1024 * MEBIBYTE).describe("Most bytes held"),
  }),
  z.strictObject({
    driver: z.literal("s3").describe("Keeps blobs in a bucket of an S3-compatible store"),
    bucket: z.string().min(1).describe("The bucket"),
    region: z.string().min(1).default("us-east-1").describe("Its region"),
    endpoint: z.url().optional().describe("URL of the store; that of AWS unless given"),
    forcePathStyle: z
      .boolean()
      .default(false)
      .describe("Puts the bucket into the path, as most stores but AWS want"),
    accessKeyId: z
      .string()
      .min(1)
      .optional()
      .describe("Key; from the host's own AWS configuration unless given"),
    secretAccessKey: z.string().min(1).optional().describe("Its secret"),
    root: z.string().default("").describe("Prefix of every object's key"),
    partBytes: z
      .int()
      .min(5 * MEBIBYTE)
      .max(5120 * MEBIBYTE)
      .default(16 * MEBIBYTE)
      .describe("Size of an upload's parts"),
    storageClass: z.string().min(1).optional().describe("Storage class of new objects"),
    encryption: z.enum(["AES256", "aws:kms"]).optional().describe("Encryption of new objects at rest"),
    encryptionKeyId: z
      .string()
      .min(1)
      .optional()
      .describe("Key for aws:kms; the account's default unless given"),
    redirect: z.boolean().default(false).describe("Sends clients to the store for blobs, by presigned URL"),
    redirectEndpoint: z.url().optional().describe("URL of the store as clients reach it"),
  }),
]);

const Metadata = z.discriminatedUnion("engine", [
  z.strictObject({
    engine: z.literal("sqlite").describe("Keeps metadata in one file"),
    path: z
      .string()
      .min(1)
      .optional()
      .describe("The file; `metadata.sqlite` in the data folder unless given"),
  }),
  z.strictObject({
    engine: z.literal("postgres").describe("Keeps metadata in PostgreSQL, for several instances"),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, "is no postgres:// URL")
      .describe("postgres://USER:PASSWORD@HOST:PORT/DATABASE"),
    readConnections: z.int().min(1).max(1000).default(4).describe("Connections for look-ups"),
    writeConnections: z.int().min(1).max(1000).default(8).describe("Connections for transactions"),
  }),
]);

const Cache = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("memory").describe("Remembers descriptors in this process"),
    maxEntries: z.int().min(1).default(100_000).describe("Most descriptors held"),
  }),
  z.strictObject({
    driver: z.literal("redis").describe("Remembers descriptors in Redis, for several instances"),
    url: z
      .string()
      .regex(/^rediss?:\/\//, "is no redis:// URL")
      .describe("redis://USER:PASSWORD@HOST:PORT/DATABASE"),
    deadlineMs: z.int().min(1).max(10_000).default(50).describe("A request waits no longer for the cache"),
  }),
  z.strictObject({ driver: z.literal("none").describe("Asks the metadata each time") }),
]);

const Registry = z.strictObject({
  deletes: z.boolean().default(true).describe("Lets clients delete blobs, manifests and tags"),
  sparseManifests: z
    .boolean()
    .default(false)
    .describe("Takes a manifest although content that it names is missing"),
  uploadExpirySeconds: seconds(7 * DAY, 365 * DAY).describe("Upload sessions older than this are dropped"),
  smallBlobCacheBytes: bytes(32 * MEBIBYTE).describe(
    "Memory for small blobs, such as image configs; 0 keeps none",
  ),
  manifestCacheBytes: bytes(32 * MEBIBYTE).describe(
    "Memory for manifests that are served often; 0 keeps none",
  ),
});

const Apt = z.strictObject({
  enabled: z.boolean().default(true).describe("Builds images from Debian packages where the host has apt"),
  essential: z
    .boolean()
    .default(true)
    .describe("Adds Debian's essential packages, which others rely on unsaid"),
  include: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/))
    .default(["ca-certificates", "netbase"])
    .describe("Packages that every image holds"),
  listMaxAgeSeconds: seconds(DAY, 365 * DAY).describe("Package lists older than this are fetched anew"),
  sourcesFile: z.string().min(1).optional().describe("An apt sources file to use in place of the host's own"),
});

const Builder = z.strictObject({
  enabled: z.boolean().default(true).describe("Builds images that nobody pushed"),
  maxLayers: z.int().min(2).max(120).default(94).describe("Most layers of an image"),
  parallelBuilds: z.int().min(1).max(64).default(2).describe("Images built at once; further ones wait"),
  refreshSeconds: seconds(DAY, 365 * DAY).describe(
    "A built image older than this is resolved anew when it is pulled",
  ),
  timeoutSeconds: seconds(1800, DAY).describe("A build that takes longer fails"),
  apt: Apt.prefault({}),
});

/** Everything an operator can set, with its bounds and defaults. Unknown keys are errors. */
export const ConfigSchema = z.strictObject({
  data: z.string().min(1).default("./data").describe("Folder for all that is kept"),
  http: Http.prefault({}),
  log: Log.prefault({}),
  content: Content.prefault({ driver: "filesystem" }),
  metadata: Metadata.prefault({ engine: "sqlite" }),
  cache: Cache.prefault({ driver: "memory" }),
  registry: Registry.prefault({}),
  builder: Builder.prefault({}),
});

/** A configuration that passed the schema. */
export type Config = Readonly<z.output<typeof ConfigSchema>>;
