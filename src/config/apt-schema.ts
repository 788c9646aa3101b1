import { z } from "zod";

const MEBIBYTE = 1024 * 1024;
const DAY = 86_400;
/** A tebibyte: more than a machine has for one build. */
const MOST_BYTES = 2 ** 40;
/** The last of 65,536 ids is then the highest that there is; the one above it stands for no id. */
const MOST_FIRST_UID = 2 ** 32 - 2 - 65_535;

const seconds = (fallback: number, most: number) => z.int().min(1).max(most).default(fallback);

const AptSandbox = z.strictObject({
  timeoutSeconds: seconds(600, DAY).describe("Maximum time to configure the packages of one stage"),
  memoryBytes: z
    .int()
    .min(256 * MEBIBYTE)
    .max(MOST_BYTES)
    .default(4096 * MEBIBYTE)
    .describe(
      "Maximum address space of each process of the sandbox, and maximum memory of all processes of a stage together",
    ),
  processes: z
    .int()
    .min(32)
    .max(65_536)
    .default(512)
    .describe("Maximum processes and threads of each user of the sandbox"),
  diskBytes: z
    .int()
    .min(64 * MEBIBYTE)
    .max(MOST_BYTES)
    .default(2048 * MEBIBYTE)
    .describe("Maximum bytes that configuring may change in an image; they are held in memory"),
});

/** How images from Debian packages are made. */
export const Apt = z.strictObject({
  enabled: z.boolean().default(true).describe("Builds images from Debian packages if the host has apt"),
  essential: z
    .boolean()
    .default(true)
    .describe("Adds Debian's essential packages, which other packages need without declaring it"),
  include: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9+.-]+$/))
    .default(["ca-certificates", "netbase"])
    .describe("Packages to add to every image"),
  configure: z
    .enum(["sandbox", "never"])
    .optional()
    .describe(
      "`sandbox`: dpkg configures an image's packages in a sandbox; `never`: they are only unpacked. Default `sandbox` where that works",
    ),
  sandbox: AptSandbox.prefault({}),
  sandboxUids: z
    .int()
    .min(65_536)
    .max(MOST_FIRST_UID)
    .optional()
    .describe(
      "First of 65536 user and group ids that nobody on the host has, for the sandbox of a server that runs as root. Default root's in `/etc/subuid`, else 1879048192",
    ),
  treeCacheBytes: z
    .int()
    .min(0)
    .default(4096 * MEBIBYTE)
    .describe("Disk space for unpacked layers, which make configuring faster; 0 keeps none"),
  recommends: z.boolean().default(false).describe("Adds the packages that others recommend"),
  listMaxAgeSeconds: seconds(DAY, 365 * DAY).describe(
    "Downloads package lists again when they are older than this",
  ),
  sourcesFile: z.string().min(1).optional().describe("apt sources file to use instead of the host's"),
  imageSources: z
    .string()
    .min(1)
    .default("build")
    .describe(
      "apt sources in images that have apt. `build`: those of the build, without credentials; `none`: none; else a file with sources, or their text",
    ),
});
