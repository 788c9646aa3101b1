import { digestOf } from "../../../src/oci/digest.ts";
import type { Checks } from "../../support/checks.ts";
import type { Answer } from "./patient-client.ts";
import type { RepositoryModel } from "./repository-model.ts";

const PARALLEL = 8;

/** Compares what one undisturbed instance serves with everything that was acknowledged. */
export async function verifyAll(
  url: string,
  models: readonly RepositoryModel[],
  checks: Checks,
  contentToo: boolean,
): Promise<void> {
  const waiting = models.values();
  const worker = async () => {
    for (const model of waiting) await new Verification(url, model, checks).run(contentToo);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  await verifyCatalog(url, models, checks);
}

class Verification {
  readonly #url: string;
  readonly #model: RepositoryModel;
  readonly #checks: Checks;

  constructor(url: string, model: RepositoryModel, checks: Checks) {
    this.#url = `${url}/v2/${model.name}`;
    this.#model = model;
    this.#checks = checks;
  }

  async run(contentToo: boolean): Promise<void> {
    const { tags, images, blobs, goneTags, goneImages, goneBlobs } = this.#model;
    for (const [tag, digest] of tags) await this.#holds(`manifests/${tag}`, digest);
    for (const digest of images.keys()) await this.#holds(`manifests/${digest}`, digest);
    for (const [digest, size] of blobs) {
      if (contentToo) await this.#holds(`blobs/${digest}`, digest);
      else await this.#status("HEAD", `blobs/${digest}`, 200, size);
    }
    const gone = [...goneTags, ...goneImages].map((reference) => `manifests/${reference}`);
    for (const what of [...gone, ...[...goneBlobs].map((digest) => `blobs/${digest}`)]) {
      await this.#status("GET", what, 404);
    }
    await this.#lists();
  }

  async #holds(what: string, digest: string): Promise<void> {
    const { status, bytes } = await get(`${this.#url}/${what}`);
    this.#checks.check(
      status === 200 && digestOf(bytes) === digest,
      () => `${this.#url}/${what} answered ${status} with ${bytes.byteLength} bytes that are not ${digest}`,
    );
  }

  async #status(method: string, what: string, expected: number, size?: number): Promise<void> {
    const { status, headers } = await get(`${this.#url}/${what}`, method);
    const fits = size === undefined || headers.get("content-length") === String(size);
    this.#checks.check(
      status === expected && fits,
      () => `${this.#url}/${what} answered ${status}, not ${expected}`,
    );
  }

  async #lists(): Promise<void> {
    const { status, bytes } = await get(`${this.#url}/tags/list`);
    const expected = [...this.#model.tags.keys()].toSorted();
    const listed = status === 404 ? [] : (JSON.parse(new TextDecoder().decode(bytes)).tags as string[]);
    this.#checks.check(
      JSON.stringify(listed) === JSON.stringify(expected),
      () => `${this.#url} lists the tags ${listed}, not ${expected}`,
    );
  }
}

async function verifyCatalog(url: string, models: readonly RepositoryModel[], checks: Checks): Promise<void> {
  const { bytes } = await get(`${url}/v2/_catalog`);
  const { repositories } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly repositories: string[] };
  const names = new Set(models.map(({ name }) => name));
  const listed = repositories.filter((name) => names.has(name));
  const expected = models
    .filter(({ images }) => images.size > 0)
    .map(({ name }) => name)
    .toSorted();
  checks.check(
    JSON.stringify(listed) === JSON.stringify(expected),
    () => `${url} lists the repositories ${listed}, not ${expected}`,
  );
}

async function get(url: string, method = "GET"): Promise<Omit<Answer, "repeated">> {
  const response = await fetch(url, { method });
  return { status: response.status, headers: response.headers, bytes: await response.bytes() };
}
