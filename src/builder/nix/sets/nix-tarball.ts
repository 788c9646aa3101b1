import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore } from "../store/nix-store.ts";

const FETCH_TIMEOUT_MS = 30 * 60_000;

/** A tarball that Nix fetches. */
export interface NixTarball {
  /** Any address that Nix takes, such as `channel:NAME` or `file:///…`. */
  readonly url: string;
  /** What it is called in errors. */
  readonly what: string;
}

/**
 * Has Nix fetch and unpack a tarball under the name `source`; resolves to the path in the store.
 *
 * Nix asks the server each time whether the tarball is still what it has (`tarball-ttl`), and unpacks it only if not.
 *
 * @throws {RegistryError} `build-unavailable`
 */
export async function fetchTarball(
  { url, what }: NixTarball,
  store: NixStore,
  signal: AbortSignal,
): Promise<string> {
  const options = ["--option", "allowed-uris", allowedAddress(url), "--option", "tarball-ttl", "0"];
  const expression = '{ url }: builtins.fetchTarball { name = "source"; inherit url; }';
  const { exitCode, stdout, stderr } = await store.run(
    [
      ...["nix-instantiate", "--eval", "--json", "--read-write-mode", ...options],
      ...["--argstr", "url", url, "-E", expression],
    ],
    { timeoutMs: FETCH_TIMEOUT_MS, signal },
  );
  // Nix goes on with what it fetched before when it cannot ask.
  if (exitCode !== 0 || stderr.includes("using cached version")) {
    throw new RegistryError("build-unavailable", `${what} cannot be read: ${tarballReason(stderr)}`);
  }
  return JSON.parse(stdout) as string;
}

/** Nix checks what a channel's address stands for, which only Nix knows. */
function allowedAddress(url: string): string {
  return url.startsWith("channel:") ? "https://" : url;
}

/** Why a tarball was not fetched, by what Nix wrote: such as `HTTP error 404 ('Not Found')` or `Could not connect to server (7)`, without the address. */
export function tarballReason(stderr: string): string {
  const pattern = /unable to download '[^']*': (HTTP error \d+(?: \('[^']*'\))?|[^;\n(]+(?:\([^)]*\))?)/;
  return pattern.exec(Bun.stripANSI(stderr))?.[1]?.trim() ?? "Nix cannot fetch and unpack it";
}
