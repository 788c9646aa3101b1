import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore } from "../store/nix-store.ts";

const FETCH_TIMEOUT_MS = 30 * 60_000;

/** A tarball that Nix fetches. */
export interface NixTarball {
  /** Any address that Nix accepts, such as `channel:NAME` or `file:///…`. */
  readonly url: string;
  /** Its name in errors. */
  readonly what: string;
}

/**
 * Lets Nix fetch and unpack a tarball under the name `source`; resolves to its path in the store.
 *
 * Nix asks the server each time whether the tarball has changed (`tarball-ttl`), and unpacks it only if it has.
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
  // If Nix cannot reach the server, it uses the tarball that it fetched before.
  if (exitCode !== 0 || stderr.includes("using cached version")) {
    throw new RegistryError("build-unavailable", `${what} cannot be read: ${tarballReason(stderr)}`);
  }
  return JSON.parse(stdout) as string;
}

/** The value of `allowed-uris`: all of https for a channel, because only Nix knows the channel's address. */
function allowedAddress(url: string): string {
  return url.startsWith("channel:") ? "https://" : url;
}

/**
 * Why a tarball was not fetched, by Nix's output, without the address: such as `HTTP error 404 ('Not Found')` or `Could
 * not connect to server (7)`.
 */
export function tarballReason(stderr: string): string {
  const pattern = /unable to download '[^']*': (HTTP error \d+(?: \('[^']*'\))?|[^;\n(]+(?:\([^)]*\))?)/;
  return pattern.exec(Bun.stripANSI(stderr))?.[1]?.trim() ?? "Nix cannot fetch and unpack it";
}
