import { join } from "node:path";
import { Semaphore } from "../../../concurrency/semaphore.ts";
import { RegistryError } from "../../../oci/registry-error.ts";
import { CommandTimeout } from "../../process/command-runner.ts";
import { evaluationReason, packagesFailed } from "../nix-failure.ts";
import type { NixStore } from "../store/nix-store.ts";
import { nearestNames } from "./nearest-names.ts";

/** A package that a name means. */
export interface EvaluatedPackage {
  /** The name by which it was requested. */
  readonly name: string;
  /** The attribute of the set that the name means, such as `python3Packages.requests`. */
  readonly attribute: string;
  readonly drvPath: string;
  readonly output: string;
  /** The path of the output in the store. */
  readonly path: string;
  /** If two packages have the same file, the one with the lower number wins. */
  readonly priority: number;
  readonly mainProgram: string | null;
  /** An SPDX licence expression. */
  readonly license: string | null;
  readonly homepage: string | null;
}

/** A package set with its arguments. */
export interface SetRequest {
  /** The path of the package set in the store. */
  readonly source: string;
  /** Nix's name of the platform, such as `x86_64-linux`. */
  readonly system: string;
  /** Arguments of the set besides `system`. */
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What to evaluate. */
export interface EvaluationRequest extends SetRequest {
  readonly names: readonly string[];
}

type Answer =
  | EvaluatedPackage
  | { readonly name: string; readonly error: "not-found" }
  | { readonly name: string; readonly error: "not-a-package"; readonly kind: string };

interface Answers {
  readonly answers: readonly Answer[];
  /** All attributes of the set if a name was not found, for suggestions; otherwise empty. */
  readonly attributes: readonly string[];
}

/** The expression that is evaluated. */
export const EXPRESSION = join(import.meta.dir, "resolve.nix");
/** Maximum evaluations at the same time. Each takes a processor and the memory of one evaluation. */
const EVALUATIONS_AT_ONCE = 2;

/** Evaluates package sets, to find the derivation that a name means. */
export class Evaluation {
  readonly #store: NixStore;
  readonly #timeoutMs: number;
  readonly #limit = new Semaphore({ places: EVALUATIONS_AT_ONCE });

  /** @param timeoutMs maximum time for one evaluation */
  constructor(store: NixStore, timeoutMs: number) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Finds the packages that `names` mean, in that order, and writes their derivations into the store.
   *
   * @throws {RegistryError} `package-unknown`, naming all names that are not in the set; `build-failed`, naming all
   * that are not packages or cannot be evaluated
   */
  async evaluate(request: EvaluationRequest, signal: AbortSignal): Promise<readonly EvaluatedPackage[]> {
    const whole = await this.#run(request, signal);
    // If one package fails, the whole evaluation fails and does not name it. So evaluate each alone.
    if (typeof whole === "string") throw await this.#failureOf(request, whole, signal);
    const unknown = whole.answers.filter((one) => "error" in one && one.error === "not-found");
    if (unknown.length > 0)
      throw unknownPackages(
        unknown.map(({ name }) => name),
        whole.attributes,
      );
    const others = whole.answers.flatMap((one) =>
      "error" in one && one.error === "not-a-package" ? [[one.name, `it is a ${one.kind}`] as const] : [],
    );
    if (others.length > 0) throw packagesFailed(new Map(others));
    return whole.answers as readonly EvaluatedPackage[];
  }

  async #failureOf(request: EvaluationRequest, reason: string, signal: AbortSignal): Promise<RegistryError> {
    const reasons = new Map<string, string>();
    const evaluateAlone = async (name: string) => {
      const alone = await this.#run({ ...request, names: [name] }, signal);
      if (typeof alone === "string") reasons.set(name, alone);
    };
    if (request.names.length > 1) await Promise.all(request.names.map(evaluateAlone));
    if (reasons.size > 0) return packagesFailed(new Map([...reasons].toSorted()));
    return packagesFailed(new Map([[request.names.join(", "), reason]]));
  }

  /**
   * The value of an expression that takes a package set, as JSON.
   *
   * @throws {RegistryError} `build-failed` with the reason
   */
  async evaluateSet(expression: string, request: SetRequest, signal: AbortSignal): Promise<string> {
    const what = "the package set";
    const evaluating = this.#instantiate(expression, request, [], signal);
    const { exitCode, stdout, reason } = await evaluating.catch((cause: unknown) => this.#fail(what, cause));
    if (exitCode === 0) return stdout;
    throw packagesFailed(new Map([[what, reason()]]));
  }

  /**
   * Throws; a time-out becomes an error that names `what`. Does not look for the slow package among several: each try
   * could take as long again.
   */
  #fail(what: string, cause: unknown): never {
    if (!(cause instanceof CommandTimeout)) throw cause;
    throw packagesFailed(new Map([[what, `its evaluation took longer than ${this.#timeoutMs / 1000} s`]]));
  }

  /** The answers, or why the evaluation failed. */
  async #run(request: EvaluationRequest, signal: AbortSignal): Promise<Answers | string> {
    const parameters = ["--argstr", "names", JSON.stringify(request.names), "--read-write-mode"];
    const what = request.names.join(", ");
    const evaluating = this.#instantiate(EXPRESSION, request, parameters, signal);
    const { exitCode, stdout, reason } = await evaluating.catch((cause: unknown) => this.#fail(what, cause));
    // On failure the output can look finished (Nix 2.8).
    return exitCode === 0 ? (JSON.parse(stdout) as Answers) : reason();
  }

  #instantiate(
    expression: string,
    request: SetRequest,
    parameters: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly reason: () => string }> {
    return this.#limit.run(async () => {
      const { folders } = this.#store;
      const set = folders.fileOf(request.source);
      const command = [
        ...["nix-instantiate", "--eval", "--strict", "--json"],
        ...["-I", `set=${set}`, "-I", `expression=${expression}`, expression],
        ...["--argstr", "set", set, "--argstr", "system", request.system],
        ...["--argstr", "arguments", JSON.stringify(request.arguments)],
        ...parameters,
      ];
      const limits = { timeoutMs: this.#timeoutMs, signal };
      const { exitCode, stdout, stderr } = await this.#store.run(command, limits);
      return {
        exitCode,
        stdout,
        reason: () => evaluationReason(stderr, [set, folders.store, expression]),
      };
    }, signal);
  }
}

function unknownPackages(names: readonly string[], attributes: readonly string[]): RegistryError {
  const suggestions = Object.fromEntries(
    names
      .map((name) => [name, nearestNames(name, attributes)] as const)
      .filter(([, near]) => near.length > 0),
  );
  const near = Object.values(suggestions).flat();
  const hint = near.length === 0 ? "" : `; did you mean ${near.join(", ")}?`;
  return new RegistryError("package-unknown", `unknown packages: ${names.join(", ")}${hint}`, {
    detail: { packages: names, suggestions },
  });
}
