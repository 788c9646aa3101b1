import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { RegistryError } from "../../../oci/registry-error.ts";
import type { NixStore } from "../store/nix-store.ts";
import { ChannelServer } from "./channel-server.ts";
import { fetchTarball } from "./nix-tarball.ts";
import { publicAddress } from "./public-address.ts";
import { scratchFolder } from "./scratch-folder.ts";
import type { SetOrigin, SetRevision } from "./set-origin.ts";

/** Options of a {@link ChannelOrigin}. */
export interface ChannelOriginOptions {
  /** The channel's name, such as `nixos-unstable`. */
  readonly channel: string;
  /** Address of the tarball, with `{channel}` for the channel's name. If absent, Nix finds it. */
  readonly url?: string | undefined;
}

interface WebChannel {
  readonly server: ChannelServer;
  readonly url: URL;
}

const DEFAULT_URL = "channel:{channel}";
const ONLY_TAG = "latest";
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A package set from a channel: a tarball that is replaced now and then. Its only tag is `latest`.
 *
 * We download a tarball from a web server, and Nix unpacks it. So credentials stay out of command lines, and the placed
 * set is the one that was found. Nix fetches any other address itself, and the content is the revision.
 */
export class ChannelOrigin implements SetOrigin {
  readonly id: string;
  readonly programs: readonly string[] = [];
  readonly isLocal = false;
  readonly #what: string;
  readonly #channel: string;
  readonly #url: string;
  readonly #web: WebChannel | undefined;
  readonly #store: NixStore;

  /** @param store the store into which Nix fetches a tarball that is not on a web server */
  constructor({ channel, url = DEFAULT_URL }: ChannelOriginOptions, store: NixStore) {
    this.#channel = channel;
    this.#what = `the channel ${channel}`;
    this.#url = url.replaceAll("{channel}", () => channel);
    this.#store = store;
    this.id = `channel ${publicAddress(this.#url)}${queryDigest(this.#url)}`;
    const parsed = /^https?:/i.test(this.#url) ? new URL(this.#url) : undefined;
    this.#web = parsed && { server: new ChannelServer(this.#what, parsed), url: parsed };
  }

  async find(tag: string, signal: AbortSignal): Promise<SetRevision> {
    if (tag !== ONLY_TAG) {
      throw new RegistryError("manifest-unknown", `a package set in a channel has only the tag ${ONLY_TAG}`, {
        detail: { tag },
      });
    }
    if (this.#web === undefined) return await this.#findByNix(signal);
    const { id, address } = await this.#web.server.release(this.#web.url, signal);
    return { id, lock: { kind: "channel", channel: this.#channel, url: address }, pinned: false };
  }

  async place(revision: SetRevision, store: NixStore, signal: AbortSignal): Promise<string> {
    if (this.#web !== undefined) return await this.#placeFromWeb(this.#web, revision, store, signal);
    const isThere = (await store.missing([revision.id], signal)).length === 0;
    const path = isThere ? revision.id : await this.#fetchByNix(store, signal);
    if (path !== revision.id) throw this.#moved();
    return path;
  }

  async #placeFromWeb(
    web: WebChannel,
    revision: SetRevision,
    store: NixStore,
    signal: AbortSignal,
  ): Promise<string> {
    await using scratch = await scratchFolder(join(store.folders.cache, "channels"));
    const file = join(scratch.path, "tarball");
    await this.#download(web, revision, file, signal);
    return await fetchTarball({ url: pathToFileURL(file).href, what: this.#what }, store, signal);
  }

  async #download(
    { server, url }: WebChannel,
    { id, lock }: SetRevision,
    file: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { url: found = "" } = lock;
    // The target of a redirect has this revision for ever, unless the way to it contained a secret.
    const places = found === publicAddress(url.href) ? [url] : [new URL(found), url];
    let failure = this.#moved();
    for (const place of places) {
      try {
        const release = await server.download(place, file, signal);
        if (release.id === id) return;
        failure = this.#moved();
      } catch (cause) {
        if (!(cause instanceof RegistryError)) throw cause;
        failure = cause;
      }
    }
    throw failure;
  }

  /** Lets Nix fetch the tarball. The store path identifies the revision, because it is made from the content. */
  async #findByNix(signal: AbortSignal): Promise<SetRevision> {
    const path = await this.#fetchByNix(this.#store, signal);
    const commit = await readFile(join(this.#store.folders.fileOf(path), ".git-revision"), "utf8").catch(
      () => "",
    );
    // A path of this host means nothing on another one.
    const url = this.#url.startsWith("file:") ? {} : { url: publicAddress(this.#url) };
    const revision = COMMIT.test(commit.trim()) ? { revision: commit.trim() } : {};
    return {
      id: path,
      lock: { kind: "channel", channel: this.#channel, ...url, ...revision },
      pinned: false,
    };
  }

  async #fetchByNix(store: NixStore, signal: AbortSignal): Promise<string> {
    return await fetchTarball({ url: this.#url, what: this.#what }, store, signal);
  }

  #moved(): RegistryError {
    return new RegistryError("build-unavailable", `${this.#what} has changed in the meantime`);
  }
}

/** A digest of the query, which tells addresses apart without showing a secret in it. */
function queryDigest(address: string): string {
  const query = URL.canParse(address) ? new URL(address).search : "";
  if (query === "") return "";
  return ` ${new Bun.CryptoHasher("sha256").update(query).digest("hex")}`;
}
