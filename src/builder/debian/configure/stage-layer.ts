import type { Logger } from "../../../log.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import { type ArchiveWriter, archiveOf } from "../../archive/archive-writer.ts";
import { addDevices } from "../../archive/devices.ts";
import { LayerTree } from "../../archive/layer-tree.ts";
import { readBegin } from "../../archive/read-begin.ts";
import { streamedEntries } from "../../archive/tar-reader.ts";
import type { LayerBelow, LayerContent, StepContext } from "../../package-source.ts";
import type { SandboxLimits } from "../../sandbox/limits.ts";
import { type Sandbox, SandboxError, type StageFile, type StageRun } from "../../sandbox/sandbox.ts";
import type { HeldTree, TreeCache } from "../../trees/tree-cache.ts";
import type { PackageFiles } from "../package-files.ts";
import { CONFIGURE_ENVIRONMENT, configureCommand } from "./configure-script.ts";
import { type DatabaseEntry, STATUS_PATH } from "./dpkg-database.ts";
import { type ConfigureFailure, configureFailure } from "./dpkg-outcome.ts";
import { type DpkgPackage, NEW_CONFFILE } from "./dpkg-package.ts";
import { formatPlan, type PlanStep } from "./dpkg-plan.ts";
import { FIRST_START_PATH, firstStartScript } from "./first-start.ts";
import { ChangesWriter } from "./normalise/changes-writer.ts";
import { type FoundSecrets, SecretSearch } from "./normalise/secret-search.ts";
import { PLACING_FOLDER, placingFiles, withPlacing } from "./placing.ts";
import { readableTail } from "./readable-tail.ts";
import { findSharedFiles, type SharedFile } from "./shared-files.ts";

/** One run of dpkg over unpacked packages, whose outcome is a layer. */
export interface ConfigureStage {
  /** How it is called in logs, such as `base`. */
  readonly name: string;
  /** The packages of the tree: those configured before, and those that this stage configures. */
  readonly packages: readonly DpkgPackage[];
  readonly plan: readonly PlanStep[];
  /** Laid over the tree before dpkg runs, in ascending order of path. */
  readonly database: readonly DatabaseEntry[];
  /** Read-only files of the tree besides the plan. */
  readonly files: readonly StageFile[];
  /** Absolute paths of configuration files that dpkg puts in place when it configures their packages. */
  readonly conffiles: readonly string[];
  /** Gives the files of the packages again, if several have a file at one path. */
  readonly packageFiles: PackageFiles;
  /** For the last stage of an image: the programs that its first start may use. */
  readonly startPrograms: ReadonlySet<string> | undefined;
  /** The image's time. */
  readonly createdAt: Date;
}

/** The parts that configuring works with. */
export interface ConfigureParts {
  readonly sandbox: Sandbox;
  readonly trees: TreeCache;
  readonly limits: SandboxLimits;
  readonly log: Logger;
}

/** Facts of a configured layer, for the stage above it. */
interface StageFacts {
  /** dpkg's status afterwards. */
  readonly status: string;
}

const PLAN_PATH = "/tmp/plan";
const MAX_STATUS_BYTES = 32 << 20;

/** Reads what {@link stageLayer} gave as facts; `undefined` if they are those of another layer. */
export function parseStageFacts(facts: string): StageFacts | undefined {
  const value = JSON.parse(facts) as StageFacts | readonly unknown[];
  return "status" in value ? value : undefined;
}

/** The layer with what configuring changes in the tree of the layers below. */
export function stageLayer(
  stage: ConfigureStage,
  below: readonly LayerBelow[],
  parts: ConfigureParts,
  context: StepContext,
): LayerContent {
  let status = "";
  return {
    archive: archiveOf(async (archive) => {
      await using held = await holdAll(below, parts.trees, context.signal);
      const paths = held.trees.map(({ path }) => path);
      const unpacking = parts.trees.unpack(recordsArchive(stage), context.signal);
      const finding = findSharedFiles(stage.packages, paths).then((shared) =>
        withSharedFiles(stage, shared, context),
      );
      // If one fails, the other must have ended too.
      await Promise.allSettled([unpacking, finding]);
      await using records = await unpacking;
      const steps = await finding;
      await using run = await runStage(steps, [records, ...held.trees.toReversed()], parts, context);
      const found = await readOutcome(run).catch((error: unknown) => {
        throw error instanceof SandboxError ? unreadableChanges(error, run) : error;
      });
      const failure = configureFailure(found, stage.packages);
      if (failure !== undefined) throw configureError(failure, run);
      status = found.status ?? "";
      await writeLayer(archive, stage, run, { ...parts, ...found, trees: held.trees });
    }),
    facts: () => JSON.stringify({ status } satisfies StageFacts),
  };
}

/** The trees of all layers, or none. */
async function holdAll(below: readonly LayerBelow[], cache: TreeCache, signal: AbortSignal) {
  const outcomes = await Promise.allSettled(below.map((layer) => cache.hold(layer, signal)));
  const trees = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const release = async () => void (await Promise.all(trees.map((tree) => tree[Symbol.asyncDispose]())));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed === undefined) return { trees, [Symbol.asyncDispose]: release };
  await release();
  throw failed.reason;
}

/** What lies over the layers while dpkg runs. Its folders hide the times of those below, so they have a time that is known. */
function recordsArchive({ database, createdAt }: ConfigureStage) {
  return archiveOf(async (archive) => {
    const tree = new LayerTree(archive);
    for (const entry of database) await addRecord(tree, entry, createdAt);
  });
}

function addRecord(
  tree: LayerTree,
  { path, type, mode, text }: DatabaseEntry,
  modifiedAt: Date,
): Promise<void> {
  if (type === "file") return tree.addFile(path, Buffer.from(text), modifiedAt, mode);
  return type === "symlink" ? tree.addLink(path, text, modifiedAt) : tree.addFolder(path, mode, modifiedAt);
}

type StageSteps = Pick<ConfigureStage, "plan" | "files" | "conffiles">;

/** The stage's plan and files, with what puts shared files in their place. */
async function withSharedFiles(
  { plan, files, conffiles, packageFiles }: ConfigureStage,
  shared: readonly SharedFile[],
  context: StepContext,
): Promise<StageSteps> {
  if (shared.length === 0) return { plan, files, conffiles };
  const placing = await placingFiles(shared, new Set(conffiles), packageFiles, context);
  const placed = new Set(shared.flat().map(({ packagedPath }) => packagedPath));
  return {
    plan: withPlacing(plan, shared),
    files: [...files, ...placing],
    conffiles: conffiles.filter((path) => !placed.has(path)),
  };
}

function runStage(
  { plan, files, conffiles }: StageSteps,
  trees: readonly HeldTree[],
  { sandbox, limits }: ConfigureParts,
  { progress, signal }: StepContext,
): Promise<StageRun> {
  const planFile = { path: PLAN_PATH, bytes: Buffer.from(formatPlan(plan)), mode: 0o444 };
  const [program = "", ...parameters] = configureCommand(PLAN_PATH, PLACING_FOLDER);
  return sandbox.run(
    {
      lowers: trees.map(({ path }) => path),
      files: [planFile, ...files],
      moves: conffiles.map((path) => ({ from: path, to: `${path}${NEW_CONFFILE}` })),
      command: [program, ...parameters],
      environment: CONFIGURE_ENVIRONMENT,
      limits,
      onLine: (line) => progress({ kind: "configure-line", line }),
    },
    signal,
  );
}

/** What the run left: dpkg's status, the paths that it changed, and the secrets among them. */
async function readOutcome(run: StageRun) {
  const exitCode = run.end.how === "exited" ? run.end.exitCode : 128;
  const changed = new Set<string>();
  const secrets = new SecretSearch();
  let status: string | undefined;
  // A run that was stopped leaves nothing to read.
  if (exitCode === 0) {
    for await (const entry of streamedEntries(run.changes())) {
      const path = entry.path.replace(/\/$/, "");
      changed.add(path);
      await secrets.look(entry);
      if (path !== STATUS_PATH || entry.size > MAX_STATUS_BYTES) continue;
      status = (await readBegin(entry.content, entry.size)).toString("utf8");
    }
  }
  return { exitCode, output: run.output, status, changed, secrets: secrets.found() };
}

/** What {@link writeLayer} needs besides the stage and its run. */
interface LayerSources {
  readonly trees: readonly HeldTree[];
  readonly changed: ReadonlySet<string>;
  readonly secrets: FoundSecrets;
  readonly log: Logger;
}

async function writeLayer(
  archive: ArchiveWriter,
  stage: ConfigureStage,
  run: StageRun,
  { trees, changed, secrets, log }: LayerSources,
): Promise<void> {
  const writer = new ChangesWriter(archive, stage.createdAt, trees, secrets);
  for await (const entry of streamedEntries(run.changes())) await writer.write(entry);
  const tree = new LayerTree(archive, changed);
  for (const entry of stage.database) if (entry.shipped) await addRecord(tree, entry, stage.createdAt);
  const { keys, values } = secrets;
  if (stage.startPrograms !== undefined)
    await writeLast(archive, stage.createdAt, firstStartScript(stage.startPrograms, values.emptied));
  if (keys.size > 0) log.info({ stage: stage.name, paths: [...keys] }, "keys were left out of an image");
  if (values.emptied.length > 0)
    log.info(
      { stage: stage.name, paths: values.emptied.map(({ path }) => path) },
      "secrets were left out of files of an image",
    );
}

/** What belongs to the whole image: devices, and the script for the first start. */
async function writeLast(
  archive: ArchiveWriter,
  modifiedAt: Date,
  script: string | undefined,
): Promise<void> {
  await addDevices(new LayerTree(archive), modifiedAt);
  if (script === undefined) return;
  const entry = { path: FIRST_START_PATH, type: "file", mode: 0o755, userId: 0, groupId: 0 } as const;
  // Lines of files are in it, in any encoding.
  await archive.writeBytes({ ...entry, modifiedAt }, Buffer.from(script, "latin1"));
}

function configureError(failure: ConfigureFailure, { end }: StageRun): RegistryError {
  const { package: name, script, reason, output } = failure;
  const what = name === undefined ? "the packages" : `the package ${name}`;
  const why = reason ?? REASONS[end.how] ?? (script === undefined ? "dpkg failed" : `its ${script} failed`);
  return new RegistryError("build-failed", `${what} could not be configured: ${why}`, {
    detail: { package: name, script, exitCode: end.how === "exited" ? end.exitCode : undefined, output },
  });
}

/** What the scripts left cannot be in a layer. */
function unreadableChanges({ message }: SandboxError, { output }: StageRun): RegistryError {
  return new RegistryError("build-failed", `the packages could not be configured: ${message}`, {
    detail: { output: readableTail(output) },
  });
}

const REASONS: Readonly<Partial<Record<StageRun["end"]["how"], string>>> = {
  killed: "it was killed",
  "timed-out": "it took too long (builder.apt.sandbox.timeoutSeconds)",
  "too-much-memory": "it took too much memory (builder.apt.sandbox.memoryBytes)",
  "too-much-output": "it wrote too much",
};
