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
  }),
  z.strictObject({
    driver: z.literal("memory").describe("Keeps blobs in memory, and loses them at the end"),
    maxBytes: bytes(1024 * MEBIBYTE).describe("Most bytes held"),
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
]);

const Cache = z.discriminatedUnion("driver", [
  z.strictObject({
    driver: z.literal("memory").describe("Remembers descriptors in this process"),
    maxEntries: z.int().min(1).default(100_000).describe("Most descriptors held"),
  }),
  z.strictObject({ driver: z.literal("none").describe("Asks the metadata each time") }),
]);

const Registry = z.strictObject({
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
