import type { Digest } from "./digest.ts";
import type { Reference } from "./reference.ts";
import { RegistryError } from "./registry-error.ts";

/** What a condition names: digests of content, or `any` for any content. */
export type ExpectedDigests = "any" | readonly Digest[];

/** The condition that a reference must meet for a write to happen (RFC 9110, section 13.1). */
export interface WriteCondition {
  /** The reference must name one of these. */
  readonly ifMatch?: ExpectedDigests | undefined;
  /** The reference must name none of these. */
  readonly ifNoneMatch?: ExpectedDigests | undefined;
}

/** The content that a reference names now. */
export interface CurrentContent {
  /** The digest that a GET of the reference returns. */
  readonly digest: Digest;
  /** All digests of the content. */
  readonly names: readonly Digest[];
}

/**
 * Checks that `condition` holds for the content that `reference` names now.
 *
 * @throws {RegistryError} `precondition-failed` with the condition and the current digest
 */
export function requireCondition(
  { ifMatch, ifNoneMatch }: WriteCondition,
  reference: Reference,
  current: CurrentContent | undefined,
): void {
  if (ifMatch !== undefined && !matches(ifMatch, current)) {
    const problem = current === undefined ? "does not exist" : "leads to another manifest";
    throw failed("If-Match", `${reference} ${problem}`, reference, current);
  }
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, current)) {
    const problem = ifNoneMatch === "any" ? "already exists" : "leads to one of these manifests";
    throw failed("If-None-Match", `${reference} ${problem}`, reference, current);
  }
}

function matches(expected: ExpectedDigests, current: CurrentContent | undefined): boolean {
  if (current === undefined) return false;
  return expected === "any" || current.names.some((name) => expected.includes(name));
}

function failed(
  header: "If-Match" | "If-None-Match",
  problem: string,
  reference: Reference,
  current: CurrentContent | undefined,
): RegistryError {
  return new RegistryError("precondition-failed", `${header} does not hold: ${problem}`, {
    detail: { condition: header, reference, current: current?.digest ?? null },
  });
}
