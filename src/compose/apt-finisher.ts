import { join } from "node:path";
import { ConfiguringFinisher } from "../builder/debian/configure/configuring-finisher.ts";
import { factsFinisher } from "../builder/debian/facts-finisher.ts";
import type { ImageFinisher } from "../builder/debian/image-finisher.ts";
import { HOST_PLATFORM } from "../builder/host-platform.ts";
import type { CommandRunner } from "../builder/process/command-runner.ts";
import { limitsOf } from "../builder/sandbox/limits.ts";
import { NamespaceSandbox } from "../builder/sandbox/namespace-sandbox.ts";
import { TreeCache } from "../builder/trees/tree-cache.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log.ts";

/** Debian has the same names for architectures. */
const ARCHITECTURE = HOST_PLATFORM.architecture;

/** What finishes Debian images. */
export interface AptFinisher {
  readonly finisher: ImageFinisher;
  /** What it does with them. Equal descriptions mean equal images. */
  readonly description: string;
}

const UNPACKING: AptFinisher = { finisher: factsFinisher, description: "only unpacked" };

/** Debian images cannot be configured here, although the configuration asks for it. */
class SandboxUnavailable extends Error {
  override readonly name = "SandboxUnavailable";
}

/**
 * What finishes Debian images, as the configuration says. Tries the sandbox, and logs what it found. Programs that must be
 * ended are added to `opened`.
 *
 * @throws {SandboxUnavailable} if the configuration asks for a sandbox that does not work here
 */
export async function openAptFinisher(
  { configure, treeCacheBytes, sandbox: limits, sandboxUids }: Config["builder"]["apt"],
  stateFolder: string,
  { runner, log }: { readonly runner: CommandRunner; readonly log: Logger },
  opened: AsyncDisposableStack,
): Promise<AptFinisher> {
  if (configure === "never") return UNPACKING;
  const folder = join(stateFolder, "sandbox");
  const sandbox = opened.use(
    new NamespaceSandbox({
      find: (program) => runner.find(program),
      folder,
      ...(sandboxUids !== undefined && { firstId: sandboxUids }),
    }),
  );
  const found = await sandbox.available();
  if (!found.available) {
    if (configure === "sandbox")
      throw new SandboxUnavailable(`builder.apt.configure: packages cannot be configured: ${found.reason}`);
    log.warn({ reason: found.reason }, "debian images are only unpacked, because they cannot be configured");
    return UNPACKING;
  }
  log.info({ means: found.detail }, "debian images are configured in a sandbox");
  const onRecordingFailed = (error: unknown) =>
    log.warn(
      { err: error },
      "a layer could not be unpacked while it was made; it is unpacked when it is needed",
    );
  const treeFolder = join(folder, "trees", await sandbox.ids());
  const trees = new TreeCache(
    { folder: treeFolder, budgetBytes: treeCacheBytes, onRecordingFailed },
    sandbox,
  );
  const parts = { sandbox, trees, limits: limitsOf(limits), log };
  const finisher = new ConfiguringFinisher(parts, ARCHITECTURE, factsFinisher);
  return { finisher, description: `configured, those for ${ARCHITECTURE}` };
}
