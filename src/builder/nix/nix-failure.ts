import { RegistryError } from "../../oci/registry-error.ts";

const STORE_PATH = /\/nix\/store\/[0-9a-df-np-sv-z]{32}-([A-Za-z0-9+._?=-]+)/g;
const MAX_REASON_LENGTH = 1_000;

/** Messages about a failure that another failure caused. Nix prints them last. */
const CONSEQUENCE =
  /^\d+ dependenc(?:y|ies) of |^Cannot build '[^']*'\. Reason: \d+ dependenc(?:y|ies) failed|^build of '[^']*', '.*' failed$/;
const BUILD_STARTED = /^building '\/nix\/store\/[^-]+-([^']*)\.drv'\.\.\.$/gm;

/** Exit statuses of `nix-store --realise` that say more than 1 (nix-store(1)). */
const STATUS_REASONS: Readonly<Record<number, string>> = {
  101: "its build took too long, or printed nothing for too long",
  102: "its download does not have the expected hash",
  104: "rebuilding it gave different bytes",
};

/**
 * Why an evaluation failed: the text of the last `error:` paragraph that Nix wrote, in which newer versions name the
 * cause. Has no paths of this host.
 */
export function evaluationReason(stderr: string, hidden: readonly string[]): string {
  const paragraphs = errorParagraphs(stderr);
  const text = paragraphs.findLast((paragraph) => paragraph !== "") ?? "the evaluation failed";
  return cleaned(text, hidden);
}

/** A package that could not be realised, and why. */
export interface RealiseFailure {
  /** The name in the store, such as `hello-2.10`; absent when Nix names none, as Nix 2.34 does after a time-out. */
  readonly derivation: string | undefined;
  readonly reason: string;
}

/** Why `nix-store --realise` failed, by its exit status and its output. */
export function realiseFailure(exitCode: number, stderr: string, hidden: readonly string[]): RealiseFailure {
  const paragraphs = errorParagraphs(stderr);
  const causes = paragraphs.filter((text) => text !== "" && !CONSEQUENCE.test(text));
  const last = causes.at(-1) ?? paragraphs.at(-1) ?? "";
  const named = [...last.matchAll(STORE_PATH)].map(([, name = ""]) => name);
  const derivation = named.find((name) => name.endsWith(".drv"))?.replace(/\.drv$/, "");
  const known = STATUS_REASONS[exitCode];
  return { derivation, reason: known ?? cleaned(last === "" ? "its build failed" : last, hidden) };
}

/** Names of the packages that `nix-store --realise` started to build, in that order, by its output. */
export function startedBuilds(stderr: string): readonly string[] {
  return [...Bun.stripANSI(stderr).matchAll(BUILD_STARTED)].map(([, name = ""]) => name);
}

/**
 * Whether a command failed because a derivation is not in the store (Nix 2.34 prints the second text, older versions
 * the first), or because a path was removed while the command needed it.
 */
export function isStoreIncomplete(stderr: string): boolean {
  const text = Bun.stripANSI(stderr);
  return (
    /cannot build missing derivation|failed to obtain derivation|\.drv' (?:is not valid|does not exist)/.test(
      text,
    ) || /^error: (?:.*: )?path '\/nix\/store\/[^']+' is not valid/m.test(text)
  );
}

/** The error for packages that exist but failed, with the reason of each. */
export function packagesFailed(reasons: ReadonlyMap<string, string>): RegistryError {
  const packages = [...reasons].map(([name, reason]) => ({ name, reason }));
  const names = packages.map(({ name }) => name).join(", ");
  const first = packages[0]?.reason ?? "";
  return new RegistryError("build-failed", `cannot build ${names}: ${first}`, { detail: { packages } });
}

/** The texts after `error:` with the lines that are indented below it, without the indentation. */
function errorParagraphs(stderr: string): readonly string[] {
  return Bun.stripANSI(stderr)
    .split(/^[ \t]*error(?: \([^)]*\))?:/m)
    .slice(1)
    .map((text) =>
      text
        .replace(/\n(?=\S).*/s, "")
        .replaceAll(/\s+/g, " ")
        .trim(),
    );
}

function cleaned(text: string, hidden: readonly string[]): string {
  // Without the paths where the build should have left its outputs.
  const short = text.replaceAll(/ at (["'])\/[^"']*\1| Output paths: \/.*$/g, "");
  let clean = short.replaceAll(STORE_PATH, "$1");
  for (const path of hidden) clean = clean.replaceAll(path, "");
  // Shorten the remaining paths of this host.
  return clean.replaceAll(/(?<![\w.])\/(?:[\w.+-]+\/)+/g, "…/").slice(0, MAX_REASON_LENGTH);
}
