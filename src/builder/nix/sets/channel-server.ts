import { open } from "node:fs/promises";
import { RegistryError } from "../../../oci/registry-error.ts";
import { publicAddress } from "./public-address.ts";

/** A state of a channel's tarball. */
export interface ChannelRelease {
  /** The address where the redirects end, without credentials. */
  readonly address: string;
  /** The address with the server's validator of the content, or else with the content's digest. */
  readonly id: string;
}

interface Answer {
  readonly response: Response;
  readonly address: string;
  /** Differs whenever the content does; absent if the server sends none. */
  readonly validator: string | undefined;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const QUESTION_TIMEOUT_MS = 60_000;
const DOWNLOAD_TIMEOUT_MS = 30 * 60_000;
const MAX_BYTES = 1 << 30;

/** The web server of a channel. It follows redirects itself; the channel's credentials go only to the channel's origin. */
export class ChannelServer {
  readonly #what: string;
  readonly #url: URL;

  /** `what` names the channel in errors. `url` is the address of its tarball, perhaps with credentials. */
  constructor(what: string, url: URL) {
    this.#what = what;
    this.#url = url;
  }

  /**
   * The current release at `url`. Downloads it only if the server sends no validator.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async release(url: URL, signal: AbortSignal): Promise<ChannelRelease> {
    const brief = AbortSignal.any([signal, AbortSignal.timeout(QUESTION_TIMEOUT_MS)]);
    const answer = await this.#follow("HEAD", url, brief);
    if (answer.response.ok && answer.validator !== undefined) return releaseOf(answer, answer.validator);
    // Some servers refuse HEAD, or send fewer headers for it.
    return await this.#get(url, signal, async (full, bytes) => {
      if (full.validator !== undefined) return;
      for await (const _ of bytes) signal.throwIfAborted();
    });
  }

  /**
   * Downloads the tarball at `url` to a file; resolves to the release that it is.
   *
   * @throws {RegistryError} `build-unavailable`
   */
  async download(url: URL, path: string, signal: AbortSignal): Promise<ChannelRelease> {
    await using file = await open(path, "w");
    return await this.#get(url, signal, async (_, bytes) => {
      for await (const chunk of bytes) await file.appendFile(chunk);
    });
  }

  /** Sends a GET for `url`. `read` can leave the content unread if the answer has a validator. */
  async #get(
    url: URL,
    signal: AbortSignal,
    read: (answer: Answer, bytes: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<ChannelRelease> {
    const patient = AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]);
    const answer = await this.#follow("GET", url, patient);
    const { ok, status, body } = answer.response;
    try {
      if (!ok) throw this.#unavailable(`${answer.address} answers with status ${status}`);
      const hash = new Bun.CryptoHasher("sha256");
      await read(answer, this.#bytesOf(answer, hash, patient));
      return releaseOf(answer, answer.validator ?? `sha256:${hash.digest("hex")}`);
    } finally {
      if (body?.locked === false) await body.cancel().catch(() => {});
    }
  }

  async *#bytesOf(
    { response, address }: Answer,
    hash: Bun.CryptoHasher,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    try {
      for (let size = 0; ; ) {
        const piece = await this.#reporting(address, signal, async () => await reader?.read());
        if (piece?.value === undefined) return;
        size += piece.value.byteLength;
        if (size > MAX_BYTES) throw this.#unavailable(`${address} has more than ${MAX_BYTES} bytes`);
        hash.update(piece.value);
        yield piece.value;
      }
    } finally {
      await reader?.cancel().catch(() => {});
    }
  }

  async #follow(method: "GET" | "HEAD", start: URL, signal: AbortSignal): Promise<Answer> {
    let url = start;
    for (let count = 0; count <= MAX_REDIRECTS; count += 1) {
      const address = publicAddress(url.href);
      const response = await this.#reporting(address, signal, () => this.#request(method, url, signal));
      const { headers, status } = response;
      const location = headers.get("location");
      if (location === null || !REDIRECTS.has(status)) {
        const validator = headers.get("etag") ?? headers.get("last-modified") ?? undefined;
        return { response, address, validator };
      }
      await response.body?.cancel();
      url = this.#next(url, location);
    }
    throw this.#unavailable(`${publicAddress(start.href)} redirects more than ${MAX_REDIRECTS} times`);
  }

  async #request(method: "GET" | "HEAD", url: URL, signal: AbortSignal): Promise<Response> {
    const bare = new URL(url);
    bare.username = "";
    bare.password = "";
    // Otherwise a server could compress the answer and `fetch` would decompress it: the digest would be of other bytes.
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (url.origin === this.#url.origin && this.#url.username !== "") {
      headers.authorization = `Basic ${credentialsOf(this.#url)}`;
    }
    return await fetch(bare, { method, headers, redirect: "manual", signal });
  }

  #next(from: URL, location: string): URL {
    const next = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
    const isSafe = next?.protocol === "https:" || (next?.protocol === "http:" && from.protocol === "http:");
    if (next !== undefined && isSafe) return next;
    throw this.#unavailable(`${publicAddress(from.href)} redirects to an address that is not safe to follow`);
  }

  /** Runs part of a request. Its errors can contain credentials, so only their codes are reported. */
  async #reporting<Result>(
    address: string,
    signal: AbortSignal,
    part: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await part();
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      if (cause.name === "TimeoutError") throw this.#unavailable(`${address} takes too long`);
      signal.throwIfAborted();
      throw this.#unavailable(
        `${address} cannot be reached (${(cause as NodeJS.ErrnoException).code ?? cause.name})`,
      );
    }
  }

  #unavailable(reason: string): RegistryError {
    return new RegistryError("build-unavailable", `${this.#what} cannot be read: ${reason}`);
  }
}

function releaseOf({ address }: Answer, validator: string): ChannelRelease {
  return { address, id: `${address} ${validator}` };
}

/** User name and password as HTTP's basic authentication sends them. */
function credentialsOf({ username, password }: URL): string {
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return Buffer.from(plain).toString("base64");
}
