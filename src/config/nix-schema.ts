import { z } from "zod";

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;
const DAY = 86_400;

const seconds = (fallback: number, most: number) => z.int().min(1).max(most).default(fallback);
const bytes = (fallback: number) => z.int().min(0).default(fallback);
const text = () => z.string().min(1);

const Git = z.strictObject({
  url: text()
    .optional()
    .describe("Git repository with the package set; the tag of an image names the revision"),
  revisions: z
    .enum(["refs", "reachable", "any"])
    .default("reachable")
    .describe(
      "Revisions that clients may request: the tips of branches and tags (`refs`), every commit that these reach, or any commit that the git server returns",
    ),
  sshKeyFile: text().optional().describe("Private key for access over ssh"),
  knownHostsFile: text().optional().describe("Known hosts for ssh; needed with `sshKeyFile`"),
  credentialsFile: text().optional().describe("File with credentials, in the format of git's `store` helper"),
});

/** Where a package set comes from; exactly one of `path`, `git.url` and `channel`. */
const ORIGIN = {
  path: text().optional().describe("Folder with the package set; its images have only the tag `latest`"),
  git: Git.prefault({}),
  channel: text().optional().describe("Channel with the package set, such as `nixos-24.05`"),
  channelUrl: text()
    .regex(/\{channel\}/, "must contain {channel}")
    .default("channel:{channel}")
    .describe(
      "URL of a channel's archive, with `{channel}` in place of the name; by default the one that Nix itself uses",
    ),
};

const ROOT = z
  .boolean()
  .default(false)
  .describe("Also builds names without the set's prefix: `shell/git` as well as `nix/shell/git`");

const Arguments = z
  .record(z.string(), z.unknown())
  .default({})
  .describe("Arguments for the package set in addition to `system`, as JSON");

const Include = z
  .array(text())
  .default(["cacert", "iana-etc"])
  .describe("Attributes of the packages to add to every image");

/** A component of an image's name. */
const SET_NAME = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

const NixSet = z.strictObject({ ...ORIGIN, root: ROOT, arguments: Arguments, include: Include });

/** The configuration of a package set other than `nix`. */
export type NixSetConfig = Readonly<z.output<typeof NixSet>>;

/** The settings of Nix: one package set called `nix`, more by name, and what all of them share. */
export const Nix = z
  .strictObject({
    ...ORIGIN,
    root: ROOT,
    arguments: Arguments,
    include: Include,
    sets: z
      .record(z.string(), NixSet)
      .default({})
      .describe(
        "More package sets, by name; the name is the first component of their images' names. Each takes `path`, `git`, `channel`, `channelUrl`, `root`, `arguments` and `include`",
      ),
    substituters: z
      .array(text())
      .optional()
      .describe("Binary caches to take packages from; by default those of the installed Nix"),
    trustedKeys: z
      .array(text())
      .optional()
      .describe("Public keys of the binary caches; by default those of the installed Nix"),
    sandboxPaths: z
      .array(text())
      .default(["/bin/sh"])
      .describe("Host paths that builders can see, as in Nix's `sandbox-paths`"),
    maxJobs: z
      .int()
      .min(0)
      .max(64)
      .default(2)
      .describe("Maximum builders at the same time; with 0, packages come from binary caches only"),
    builderTimeoutSeconds: seconds(1800, DAY).describe("Maximum time for one package's build"),
    silentSeconds: seconds(300, DAY).describe("Maximum time that one package's build may run without output"),
    logBytes: bytes(16 * MEBIBYTE).describe("Maximum size of the log of one package's build"),
    evaluationSeconds: seconds(120, DAY).describe("Maximum time to evaluate an image's packages"),
    evaluationBytes: bytes(4 * GIBIBYTE).describe("Maximum heap of one evaluation"),
    closurePaths: z.int().min(1).max(1_000_000).default(20_000).describe("Maximum store paths in an image"),
    closureBytes: bytes(20 * GIBIBYTE).describe("Maximum size of the store paths in an image"),
    storeBytes: bytes(20 * GIBIBYTE).describe(
      "Size limit of the Nix store in the data folder; beyond it, everything that no build needs is removed",
    ),
  })
  .superRefine(checkSets);

interface Origin {
  readonly path?: string | undefined;
  readonly git: { readonly url?: string | undefined };
  readonly channel?: string | undefined;
}

type Context = z.core.$RefinementCtx;

/** Number of origins that a set has. */
function originCount({ path, git, channel }: Origin): number {
  return [path, git.url, channel].filter((one) => one !== undefined).length;
}

/** Whether a package set has an origin. Without one, there is no package set `nix`. */
export function hasOrigin(set: Origin): boolean {
  return originCount(set) > 0;
}

function checkSets(
  nix: Origin & { readonly root: boolean; readonly sets: Readonly<Record<string, NixSetConfig>> },
  context: Context,
): void {
  const problem = (path: readonly string[], message: string) =>
    context.addIssue({ code: "custom", path: [...path], message });
  if (originCount(nix) > 1) problem([], "set only one of path, git.url and channel");
  for (const [name, set] of Object.entries(nix.sets)) {
    if (!SET_NAME.test(name)) problem(["sets", name], "cannot be used in an image name");
    if (originCount(set) !== 1) problem(["sets", name], "set exactly one of path, git.url and channel");
    if (name === "nix" || name === "apt") problem(["sets", name], "is reserved for another source");
  }
  const roots = [nix, ...Object.values(nix.sets)].filter(({ root }) => root);
  if (roots.length > 1) problem(["root"], "can be true for only one package set");
}
