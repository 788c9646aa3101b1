import type { Finish, ImageFinisher } from "../debian/image-finisher.ts";
import type { PackageFiles } from "../debian/package-files.ts";
import { createPackageLayer, packageContent } from "../debian/package-layer.ts";
import { imageSettings } from "../debian/top-layer.ts";
import type {
  DerivedLayer,
  HeldParts,
  ImageSettings,
  LayerContent,
  PackageRequest,
  Part,
  Resolution,
  StepContext,
} from "../package-source.ts";
import type { CommandRunner } from "../process/command-runner.ts";
import { packageUrl } from "../sbom.ts";
import type { Closure } from "./apt-archive.ts";
import { aptLockInputs } from "./apt-lock.ts";
import type { DebianPackage } from "./debian-package.ts";
import type { FetchedPackages } from "./package-pool.ts";
import { type SourcesFile, sourcesLayer } from "./sources/sources-file.ts";

/** Begins to download package files, which are verified when they are needed. */
export type FetchPackages = (
  packages: readonly DebianPackage[],
  context: StepContext,
) => Promise<FetchedPackages>;

/** The parts that an {@link AptResolution} works with. */
export interface AptResolutionParts {
  readonly fetch: FetchPackages;
  readonly runner: CommandRunner;
  readonly finisher: ImageFinisher;
  /** How the image has to be finished; by default, as the finisher chooses. */
  readonly mode?: Finish["mode"] | undefined;
  /** The sources of apt in the image, if it has some. */
  readonly sources?: SourcesFile | undefined;
}

/** The Debian packages of an image. */
export class AptResolution implements Resolution {
  readonly packages: readonly string[];
  readonly parts: readonly Part[];
  readonly lockInputs: Readonly<Record<string, unknown>>;
  readonly description: string;
  readonly derivedLayers: readonly DerivedLayer[];
  /** See {@link Finish.unpackedBecause}. */
  readonly unpackedBecause: string | undefined;
  readonly #packages: ReadonlyMap<string, DebianPackage>;
  readonly #fetch: FetchPackages;
  readonly #runner: CommandRunner;
  readonly #finish: Finish;

  constructor(
    { packages, platform }: PackageRequest,
    closure: Closure,
    { fetch, runner, finisher, mode, sources }: AptResolutionParts,
  ) {
    this.packages = packages;
    this.parts = closure.packages.map(partOf);
    const files: PackageFiles = { read: (names, visit, context) => this.#read(names, visit, context) };
    const finish = finisher.finish(platform, closure.packages, files, mode);
    this.lockInputs = aptLockInputs(closure, finish, sources);
    this.description = `Debian packages: ${packages.join(" ")}`;
    const written = sources === undefined ? [] : [sourcesLayer(sources, closure.packages)];
    this.derivedLayers = [...finish.layers, ...written];
    this.unpackedBecause = finish.unpackedBecause;
    this.#packages = new Map(closure.packages.map((one) => [one.name, one]));
    this.#fetch = fetch;
    this.#runner = runner;
    this.#finish = finish;
  }

  async hold(parts: readonly Part[], context: StepContext): Promise<HeldParts> {
    const fetched = await this.#fetch(this.#packagesOf(parts), context);
    return new HeldFiles(fetched, (some) => this.#packagesOf(some), this.#runner, this.#finish);
  }

  settings(facts: readonly string[]): ImageSettings {
    return imageSettings(facts);
  }

  /** Does nothing: only {@link hold} takes package files, and its result releases them. */
  async [Symbol.asyncDispose](): Promise<void> {}

  async #read(...[names, visit, context]: Parameters<PackageFiles["read"]>): Promise<void> {
    const packages = names.map((name) => this.#packages.get(name) as DebianPackage);
    await using fetched = await this.#fetch(packages, context);
    for (const one of packages)
      await visit(
        one.name,
        packageContent(await fetched.file(one, context.signal), this.#runner, context.signal),
      );
  }

  #packagesOf(parts: readonly Part[]): readonly DebianPackage[] {
    return parts.map(({ id }) => this.#packages.get(id) as DebianPackage);
  }
}

class HeldFiles implements HeldParts {
  readonly #fetched: FetchedPackages;
  readonly #packagesOf: (parts: readonly Part[]) => readonly DebianPackage[];
  readonly #runner: CommandRunner;
  readonly #finish: Finish;

  constructor(
    fetched: FetchedPackages,
    packagesOf: (parts: readonly Part[]) => readonly DebianPackage[],
    runner: CommandRunner,
    finish: Finish,
  ) {
    this.#fetched = fetched;
    this.#packagesOf = packagesOf;
    this.#runner = runner;
    this.#finish = finish;
  }

  async ready(parts: readonly Part[], signal: AbortSignal): Promise<void> {
    for (const one of this.#packagesOf(parts)) await this.#fetched.ready(one, signal);
  }

  layer(parts: readonly Part[], signal: AbortSignal): LayerContent {
    const files = this.#packagesOf(parts).map((one) => () => this.#fetched.file(one, signal));
    const content = createPackageLayer(files, this.#runner, signal);
    return this.#finish.watch?.(content, signal) ?? content;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#fetched[Symbol.asyncDispose]();
  }
}

function partOf({ name, version, architecture, sizeBytes, sha256, base }: DebianPackage): Part {
  const purl = packageUrl("deb/debian", name, version, { arch: architecture });
  return {
    id: name,
    label: `${name}=${version}`,
    bucket: name,
    sizeBytes,
    contentKey: sha256,
    base,
    software: { name, version, purl },
  };
}
