import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { evaluationReason, realiseFailure } from "../nix-failure.ts";
import type { NixStore } from "./nix-store.ts";

const EXPRESSION = join(import.meta.dir, "trial.nix");
const TRIAL_TIMEOUT_MS = 120_000;

/**
 * Tries a very small build, in the same way as packages are built. Resolves to why that is not possible, or to
 * `undefined`. Hosts without namespaces cannot build in a sandbox.
 */
export async function tryBuild(store: NixStore, signal: AbortSignal): Promise<string | undefined> {
  const limits = { timeoutMs: TRIAL_TIMEOUT_MS, signal };
  const hidden = [store.folders.store, EXPRESSION];
  // A new argument each time, because Nix does not build the same derivation twice.
  const argument = ["--argstr", "nonce", randomUUID()];
  const evaluated = await store.run(
    ["nix-instantiate", "-I", `trial=${EXPRESSION}`, EXPRESSION, ...argument],
    limits,
  );
  if (evaluated.exitCode !== 0) return evaluationReason(evaluated.stderr, hidden);
  const command = ["nix-store", "--realise", "--option", "substitute", "false", evaluated.stdout.trim()];
  const { exitCode, stderr } = await store.run(command, limits);
  return exitCode === 0 ? undefined : realiseFailure(exitCode, stderr, hidden).reason;
}
