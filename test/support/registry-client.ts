import { randomBytes } from "node:crypto";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { MediaType } from "../../src/oci/media-types.ts";

/** The options of a request. */
export interface CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array>;
  readonly signal?: AbortSignal;
}

/** A descriptor in a manifest. */
export interface TestDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly [field: string]: unknown;
}

/** A client of one server. It checks the headers that every answer must have. */
export class RegistryClient {
  readonly #server: { readonly url: string };

  constructor(server: { readonly url: string }) {
    this.#server = server;
  }

  /** Sends a request to a path such as `/v2/`, or to a Location. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const { headers = {}, body, signal } = options;
    const response = await fetch(new URL(path, this.#server.url), {
      method,
      headers: { ...headers },
      redirect: "manual",
      ...(body === undefined ? {} : { body: body as Bun.BodyInit }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.headers.get("x-content-type-options") !== "nosniff") {
      throw new Error(`${method} ${path} answered ${response.status} without nosniff`);
    }
    return response;
  }

  /** Opens an upload; resolves to its Location. */
  async start(name: string, query = ""): Promise<string> {
    const response = await this.call("POST", `/v2/${name}/blobs/uploads/${query}`);
    if (response.status !== 202) throw new Error(`upload not started: ${await describe(response)}`);
    return response.headers.get("location") as string;
  }

  /** Pushes a blob in one PUT; resolves to its descriptor. */
  async pushBlob(
    name: string,
    content: string | Uint8Array,
    mediaType: string = MediaType.ociLayerGzip,
  ): Promise<TestDescriptor> {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const digest = digestOf(bytes);
    const location = await this.start(name);
    const response = await this.call("PUT", `${location}&digest=${digest}`, { body: bytes });
    if (response.status !== 201) throw new Error(`blob not pushed: ${await describe(response)}`);
    return { mediaType, digest, size: bytes.byteLength };
  }

  /** Pushes a manifest under a tag, or under its own digest without one; resolves to its descriptor. */
  async pushManifest(name: string, manifest: unknown, tag?: string): Promise<TestDescriptor> {
    const text = typeof manifest === "string" ? manifest : JSON.stringify(manifest);
    const { mediaType } = JSON.parse(text) as { mediaType: string };
    const digest = digestOf(text);
    const response = await this.putManifest(name, tag ?? digest, text, mediaType);
    if (response.status !== 201) throw new Error(`manifest not pushed: ${await describe(response)}`);
    return { mediaType, digest, size: Buffer.byteLength(text) };
  }

  /** Sends a manifest; the caller checks the answer. */
  putManifest(
    name: string,
    reference: string,
    text: string | Uint8Array,
    contentType: string = MediaType.ociManifest,
  ): Promise<Response> {
    const headers = { "content-type": contentType };
    return this.call("PUT", `/v2/${name}/manifests/${reference}`, { headers, body: text });
  }

  /** Pushes an image of one random layer; resolves to its manifest's descriptor. */
  async pushImage(name: string, tag?: string, extra: object = {}): Promise<TestDescriptor> {
    return await this.pushManifest(name, { ...(await this.makeImage(name)), ...extra }, tag);
  }

  /** An OCI image manifest whose config and one random layer are in the repository. */
  async makeImage(name: string) {
    const config = await this.pushBlob(name, "{}", MediaType.ociConfig);
    const layer = await this.pushBlob(name, randomBytes(64));
    return { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] };
  }
}

/** The error codes of an answer, in order. */
export async function errorCodes(response: Response): Promise<readonly string[]> {
  const { errors } = (await response.json()) as { errors: readonly { code: string }[] };
  return errors.map(({ code }) => code);
}

async function describe(response: Response): Promise<string> {
  return `${response.status} ${await response.text()}`;
}
