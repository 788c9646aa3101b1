import type { Platform } from "../../../oci/descriptor.ts";
import type { DerivedLayer, LayerBelow, LayerContent, StepContext } from "../../package-source.ts";
import type { StageFile } from "../../sandbox/sandbox.ts";
import type { Finish, FinishedPackage, ImageFinisher } from "../image-finisher.ts";
import { newestModification, type PackageFacts, parseFacts } from "../package-facts.ts";
import type { PackageFiles } from "../package-files.ts";
import { additionDatabase, baseDatabase } from "./dpkg-database.ts";
import { type DpkgPackage, parseDpkgPackage } from "./dpkg-package.ts";
import { planAddition, planBase } from "./dpkg-plan.ts";
import { replacedInAddition, replacedInBase } from "./replaced-programs.ts";
import { type ConfigureParts, type ConfigureStage, parseStageFacts, stageLayer } from "./stage-layer.ts";
import { treeSkeleton } from "./tree-skeleton.ts";

/** Change this when the same packages would give different layers: plan, environment, normalising, sandbox. */
const FORMAT_VERSION = 14;

/** A name for the machine, so that scripts that ask for it get an answer. The image's own file stays. */
const HOSTS: StageFile = {
  path: "/etc/hosts",
  bytes: new TextEncoder().encode("127.0.0.1 localhost.localdomain localhost\n"),
  mode: 0o644,
};

/**
 * Has dpkg configure the packages in a sandbox: first those that are in every image, whose outcome all images share, then
 * the others. Both stages are always apart, so that a kept outcome of the first cannot change the second.
 */
export class ConfiguringFinisher implements ImageFinisher {
  readonly #parts: ConfigureParts;
  readonly #architecture: string;
  readonly #otherwise: ImageFinisher;

  /**
   * @param architecture that of this machine, in Debian's words: only its programs can run
   * @param otherwise finishes images for other architectures, and those without dpkg
   */
  constructor(parts: ConfigureParts, architecture: string, otherwise: ImageFinisher) {
    this.#parts = parts;
    this.#architecture = architecture;
    this.#otherwise = otherwise;
  }

  finish(
    platform: Platform,
    closure: readonly FinishedPackage[],
    files: PackageFiles,
    mode: Finish["mode"] = "configured",
  ): Finish {
    const base = closure.filter((one) => one.base);
    const unpackedBecause = this.#obstacle(platform, base);
    if (unpackedBecause !== undefined)
      return { ...this.#otherwise.finish(platform, closure, files), unpackedBecause };
    if (mode === "unpacked") return this.#otherwise.finish(platform, closure, files);
    const added = closure.filter((one) => !one.base);
    const baseInputs = ["configured-base", String(FORMAT_VERSION), platform.architecture, ...keysOf(base)];
    const first = (above: DerivedLayer["above"]): DerivedLayer => ({
      above,
      inputs: above === "all" ? [...baseInputs, "alone"] : baseInputs,
      description: "base configured by dpkg",
      make: (below, context) => this.#baseLayer(below, above === "all", files, context),
    });
    const second: DerivedLayer = {
      above: "all",
      inputs: ["configured", ...baseInputs, "added", ...keysOf(added)],
      description: "configured by dpkg",
      make: (below, context) => this.#addedLayer(below, files, context),
    };
    const layers = added.length > 0 ? [first("base"), second] : [first("all")];
    const { trees } = this.#parts;
    return {
      mode: "configured",
      formatVersion: FORMAT_VERSION,
      layers,
      watch: (content, signal) => trees.recorded(content, signal),
    };
  }

  /** Why the packages of an image cannot be configured; `undefined` if they can. */
  #obstacle({ architecture }: Platform, base: readonly FinishedPackage[]): string | undefined {
    if (architecture !== this.#architecture)
      return `the image is for ${architecture}, and this host runs programs for ${this.#architecture}`;
    if (!base.some(({ name }) => name === "dpkg"))
      return "dpkg is not among the packages that are in every image";
    return undefined;
  }

  #baseLayer(
    below: readonly LayerBelow[],
    isLast: boolean,
    packageFiles: PackageFiles,
    context: StepContext,
  ): LayerContent {
    const facts = parseFacts(below.map((layer) => layer.facts));
    const packages = facts.map(dpkgPackage);
    const skeleton = treeSkeleton(facts, this.#architecture);
    const database = baseDatabase(packages, this.#architecture);
    return this.#layer(
      {
        name: "base",
        packages,
        plan: planBase(packages),
        database: [...skeleton, ...database],
        files: replacedInBase(),
        // They are in place, as in any tree in which dpkg has to work before it is configured.
        conffiles: [],
        packageFiles,
        startPrograms: isLast ? startPrograms(facts) : undefined,
        createdAt: newestModification(facts),
      },
      below,
      context,
    );
  }

  #addedLayer(below: readonly LayerBelow[], packageFiles: PackageFiles, context: StepContext): LayerContent {
    const place = below.findIndex(({ facts }) => parseStageFacts(facts) !== undefined);
    const status = parseStageFacts(below[place]?.facts ?? "{}")?.status;
    if (status === undefined) throw new Error("the layer of the configured base is missing");
    const base = parseFacts(below.slice(0, place).map((layer) => layer.facts));
    const added = parseFacts(below.slice(place + 1).map((layer) => layer.facts));
    const packages = [base, added].map((some) => some.map(dpkgPackage)) as [DpkgPackage[], DpkgPackage[]];
    const paths = added.flatMap(({ parentFolders }) => parentFolders);
    const programs = startPrograms([...base, ...added]);
    const createdAt = newestModification([...base, ...added]);
    return this.#layer(
      {
        name: "added",
        packages: packages.flat(),
        plan: planAddition(...packages, paths),
        database: additionDatabase(...packages, this.#architecture, status),
        files: [HOSTS, ...replacedInAddition(programs, createdAt)],
        conffiles: packages[1].flatMap(({ conffiles }) => conffiles.map(({ path }) => path)),
        packageFiles,
        startPrograms: programs,
        createdAt,
      },
      below,
      context,
    );
  }

  #layer(stage: ConfigureStage, below: readonly LayerBelow[], context: StepContext): LayerContent {
    const { name, packages } = stage;
    context.progress({ kind: "configure-started", stage: name, packageCount: packages.length });
    return stageLayer(stage, below, this.#parts, context);
  }
}

function keysOf(packages: readonly FinishedPackage[]): readonly string[] {
  return packages.map(({ sha256 }) => sha256).toSorted();
}

function dpkgPackage({ control, hasPreinst, triggers, conffiles }: PackageFacts): DpkgPackage {
  return parseDpkgPackage(control, {
    hasPreinst,
    triggers: triggers === "" ? undefined : triggers,
    conffiles,
  });
}

function startPrograms(packages: readonly PackageFacts[]): ReadonlySet<string> {
  return new Set(packages.flatMap((one) => one.startPrograms));
}
