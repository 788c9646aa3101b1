import { join } from "node:path";
import type { Logger } from "../../../log.ts";
import type { IndexedPackage } from "../../../metadata/ports/package-index-ledger.ts";
import type { CatalogSnapshot, PackageCatalog } from "../../package-catalog.ts";
import { CommandError, type CommandRunner } from "../../process/command-runner.ts";
import { atLowPriority } from "../../process/low-priority.ts";
import { evaluationReason } from "../nix-failure.ts";
import type { SetState } from "../sets/package-set.ts";
import type { NixStore } from "../store/nix-store.ts";
import {
  type AttributeSet,
  type AttributeSlice,
  attributeSet,
  countAttributes,
  groupAttributes,
  halve,
} from "./attribute-slices.ts";

/** The current state of a package set. */
export interface FoundSet {
  /** Equal for equal sets, on every host. */
  readonly identity: string;
  /** Puts it into the store if it is not there, and keeps it there until the result is disposed of. */
  place(signal: AbortSignal): Promise<AsyncDisposable & { readonly state: Pick<SetState, "path"> }>;
}

/** The parts that a {@link NixCatalog} works with. */
export interface NixCatalogParts {
  readonly store: Pick<NixStore, "run" | "folders">;
  /** The set that the tag `latest` means. */
  readonly find: (signal: AbortSignal) => Promise<FoundSet>;
  readonly runner: Pick<CommandRunner, "find">;
  readonly log: Logger;
}

/** How a set is evaluated. */
export interface NixCatalogOptions {
  /** Nix's name of the platform, such as `x86_64-linux`. */
  readonly system: string;
  /** Arguments of the set besides `system`. */
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Maximum time for each evaluation, in milliseconds. */
  readonly evaluationMs: number;
}

/** What catalog.nix answers for an attribute. */
type Answer = null | { readonly nested: readonly string[] } | PackageAnswer;

/** The facts about a package. A fact that is missing or broken is empty. */
type PackageAnswer = Readonly<
  Record<"version" | "description" | "homepage" | "license" | "mainProgram", string>
>;

/** One pass over a set. */
interface Reading {
  /** The path of the set in the store. */
  readonly source: string;
  readonly signal: AbortSignal;
  /** The attributes that cannot be evaluated. */
  readonly lost: string[];
}

/** Change this when the same set would give other packages. */
const FORMAT = "nix-1";
const EXPRESSION = join(import.meta.dir, "catalog.nix");
/** Maximum attributes in one evaluation. */
const ATTRIBUTES_AT_ONCE = 2_000;
/** Maximum levels of sets: the package set, the sets inside it, and so on. */
const MAX_DEPTH = 4;
/** Maximum attributes of a set. One with more of them may contain itself. */
const MAX_ATTRIBUTES = 500_000;
/** Maximum attributes that cannot be evaluated. Each costs about twenty evaluations. */
const MAX_LOST = 1_000;
/** Maximum lost attributes to log by name. */
const LOGGED_LOST = 20;

/** The packages of a Nix package set. Evaluates it at low priority, one evaluation at a time. */
export class NixCatalog implements PackageCatalog {
  readonly #parts: NixCatalogParts;
  readonly #options: NixCatalogOptions;

  constructor(parts: NixCatalogParts, options: NixCatalogOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Checks that the set can be found. There is nothing to update: {@link current} always finds the newest. */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#parts.find(signal);
  }

  async current(signal: AbortSignal): Promise<CatalogSnapshot> {
    const set = await this.#parts.find(signal);
    const { system, arguments: extra } = this.#options;
    return {
      state: `${FORMAT} ${system} ${set.identity} ${JSON.stringify(extra)}`,
      packages: (reading) => this.#packages(set, reading),
    };
  }

  /** Reads set by set, the outer ones first. Leaves out only those attributes that break an evaluation. */
  async *#packages(found: FoundSet, signal: AbortSignal): AsyncGenerator<readonly IndexedPackage[]> {
    await using placed = await found.place(signal);
    const reading: Reading = { source: placed.state.path, signal, lost: [] };
    const names = (await this.#run(reading)) as readonly string[];
    let sets: readonly AttributeSet[] = [await attributeSet([], "", names)];
    let count = names.length;
    for (let depth = 0; sets.length > 0 && depth < MAX_DEPTH; depth += 1) {
      const inner: AttributeSet[] = [];
      for (const group of groupAttributes(sets, ATTRIBUTES_AT_ONCE)) {
        const { packages, nested } = await readAnswers(group, await this.#answers(reading, group));
        inner.push(...nested);
        count += nested.reduce((sum, set) => sum + set.names.length, 0);
        if (count > MAX_ATTRIBUTES) throw new Error(`the set has more than ${MAX_ATTRIBUTES} attributes`);
        yield packages;
      }
      sets = inner;
    }
    this.#logLost(reading.lost);
  }

  /**
   * The answers for a group. If its evaluation fails, evaluates its halves; a single attribute that fails is lost, and
   * its answer is null.
   */
  async #answers(reading: Reading, group: readonly AttributeSlice[]): Promise<readonly Answer[]> {
    try {
      return (await this.#run(reading, "--argstr", "slices", sliceArgument(group))) as readonly Answer[];
    } catch (error) {
      if (!(error instanceof EvaluationError || error instanceof CommandError)) throw error;
      reading.signal.throwIfAborted();
    }
    if (countAttributes(group) === 1) {
      reading.lost.push(...group.map(({ set, from }) => [...set.path, set.names[from]].join(".")));
      if (reading.lost.length > MAX_LOST)
        throw new Error(`more than ${MAX_LOST} attributes cannot be evaluated`);
      return [null];
    }
    const [first, second] = halve(group);
    return [...(await this.#answers(reading, first)), ...(await this.#answers(reading, second))];
  }

  #logLost(lost: readonly string[]): void {
    if (lost.length === 0) return;
    const attributes = lost.slice(0, LOGGED_LOST);
    this.#parts.log.info(
      { count: lost.length, attributes },
      "some attributes cannot be evaluated or searched",
    );
  }

  /** @throws {EvaluationError} if the evaluation fails; {CommandError} if it ran out of time or memory */
  async #run({ source, signal }: Reading, ...more: readonly string[]): Promise<unknown> {
    const { store, runner } = this.#parts;
    const { system, arguments: extra, evaluationMs: timeoutMs } = this.#options;
    const set = store.folders.fileOf(source);
    const command = [
      ...["nix-instantiate", "--eval", "--strict", "--json", "--read-write-mode"],
      ...["-I", `set=${set}`, "-I", `catalog=${EXPRESSION}`, EXPRESSION],
      ...["--argstr", "set", set, "--argstr", "system", system],
      ...["--argstr", "arguments", JSON.stringify(extra), ...more],
    ];
    const { exitCode, stdout, stderr } = await store.run(atLowPriority(runner, command), {
      timeoutMs,
      signal,
    });
    if (exitCode === 0) return JSON.parse(stdout);
    throw new EvaluationError(evaluationReason(stderr, [set, store.folders.store, EXPRESSION]));
  }
}

/** An expression that cannot be evaluated, and why. */
class EvaluationError extends Error {
  override readonly name = "EvaluationError";
}

function sliceArgument(group: readonly AttributeSlice[]): string {
  return JSON.stringify(group.map(({ set, from, count }) => ({ path: set.path, from, count })));
}

/** The packages and the nested sets among the answers for a group. The answers are in the order of its attributes. */
async function readAnswers(group: readonly AttributeSlice[], answers: readonly Answer[]) {
  const packages: IndexedPackage[] = [];
  const nested: AttributeSet[] = [];
  let at = 0;
  for (const { set, from, count } of group) {
    for (let index = from; index < from + count; index += 1, at += 1) {
      const [answer, attribute, written] = [answers[at] ?? null, set.names[index], set.written[index]];
      if (answer === null || attribute === undefined || written === undefined) continue;
      const name = `${set.prefix}${written}`;
      if ("nested" in answer)
        nested.push(await attributeSet([...set.path, attribute], `${name}.`, answer.nested));
      else packages.push(packageOf(name, attribute, answer));
    }
  }
  return { packages, nested };
}

function packageOf(name: string, attribute: string, answer: PackageAnswer): IndexedPackage {
  const { version, description, homepage, license, mainProgram } = answer;
  return {
    name,
    version,
    description,
    ...(homepage !== "" && { homepage }),
    ...(license !== "" && { license }),
    ...(mainProgram !== "" && mainProgram !== attribute && { mainProgram }),
  };
}
