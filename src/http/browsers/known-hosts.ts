import { isIPv4 } from "node:net";
import { RegistryError } from "../../oci/registry-error.ts";
import { requireOneHost } from "../request-head.ts";

/** Headers that were accepted before, at most about 10 KiB. Nearly all requests name the same few hosts. */
const MAX_REMEMBERED = 32;
const MAX_REMEMBERED_LENGTH = 255;

/** A host, without the port that may follow it. */
const WITHOUT_PORT = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/;

/**
 * The hosts that requests may name in `Host`.
 *
 * A web page can give its own host name the address of this server (DNS rebinding). The browser then takes the registry
 * for a part of the page's site, and lets the page read everything. The `Host` header still has the page's name.
 */
export class KnownHosts {
  readonly #names: ReadonlySet<string> | undefined;
  readonly #accepted = new Set<string>();

  /** @param names lower case, without ports; `undefined` accepts any host. Names of the loopback interface are always known. */
  constructor(names: Iterable<string> | undefined) {
    this.#names = names === undefined ? undefined : new Set(names);
  }

  /** @throws {RegistryError} `request-invalid`, `access-denied` */
  require(headers: Headers): void {
    const host = headers.get("host");
    if (host === null || this.#accepted.has(host)) return;
    requireOneHost(host);
    if (!this.#knows(host)) {
      throw new RegistryError("access-denied", "the Host header names a host that is not in http.hosts");
    }
    if (this.#accepted.size < MAX_REMEMBERED && host.length <= MAX_REMEMBERED_LENGTH)
      this.#accepted.add(host);
  }

  #knows(host: string): boolean {
    // Browsers always name a host.
    if (this.#names === undefined || host === "") return true;
    const name = WITHOUT_PORT.exec(host.toLowerCase())?.[1]?.replace(/\.$/, "");
    return name !== undefined && (isLoopback(name) || this.#names.has(name));
  }
}

/** Whether a host, such as `localhost`, `127.0.0.1`, `::1` or `[::1]`, always means this machine (RFC 6761, section 6.3). */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  return name === "::1" || name === "[::1]" || (isIPv4(name) && name.startsWith("127."));
}
