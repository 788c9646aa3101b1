import { existsSync } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { createContentHash } from "../../../src/bytes/content-hash.ts";
import { FilesystemDriver } from "../../../src/content/filesystem-driver.ts";
import type { MetadataStore } from "../../../src/metadata/ports/metadata-store.ts";
import { openMetadataStore } from "../../../src/metadata/sql-metadata-store.ts";
import { openSqliteEngine } from "../../../src/metadata/sqlite-engine.ts";
import { algorithmOf, type Digest, digestOf, encodedOf } from "../../../src/oci/digest.ts";
import { parseTag } from "../../../src/oci/reference.ts";
import { parseRepositoryName, type RepositoryName } from "../../../src/oci/repository-name.ts";
import type { PushHistory } from "./push-history.ts";
import { blobKeyOf } from "./push-load.ts";

/** Looks at what a power cut left, with the registry's own parts. Remembers the hashes of files that states share. */
export class StateChecker {
  readonly #history: PushHistory;
  readonly #hashes = new Map<string, string>();

  constructor(history: PushHistory) {
    this.#history = history;
  }

  /** What is wrong with the data in a folder after a power cut at a moment; nothing if the list is empty. */
  async problems(data: string, moment: number): Promise<readonly string[]> {
    const problems: string[] = [];
    try {
      await this.#check(data, moment, problems);
    } catch (error) {
      problems.push(`it does not open: ${error}`);
    }
    return problems;
  }

  async #check(data: string, moment: number, problems: string[]): Promise<void> {
    const hadData = existsSync(data);
    if (!hadData && this.#history.keys.every((key) => this.#history.allowedAt(key, moment).has(undefined)))
      return;
    const engine = await openSqliteEngine(join(data, "metadata.sqlite"));
    await using store = await openMetadataStore(engine);
    const [integrity] = await engine.query<{ integrity_check: string }>("PRAGMA integrity_check");
    if (integrity?.integrity_check !== "ok") problems.push(`integrity: ${integrity?.integrity_check}`);
    await using driver = await FilesystemDriver.open({ root: join(data, "content") });
    await this.#checkFiles(driver, join(data, "content"), problems);
    for (const key of this.#history.keys) {
      const [kind = "", repository = "", name = ""] = key.split(" ");
      const allowed = this.#history.allowedAt(key, moment);
      const at = parseRepositoryName(repository);
      const found =
        kind === "blob"
          ? await this.#blob(store, driver, at, name as Digest, problems)
          : await this.#tag(store, at, name, moment, problems);
      if (!allowed.has(found)) {
        problems.push(
          `${key} is ${found ?? "absent"}, not ${[...allowed].map((one) => one ?? "absent").join(" or ")}`,
        );
      }
    }
    const digest = digestOf(new TextEncoder().encode("after the power cut"));
    await store.links.linkBlob(parseRepositoryName("after/cut"), { digest, size: 19 }, [digest]);
  }

  /** The digest of a linked blob, whose file must be there with the right size. */
  async #blob(
    { links }: MetadataStore,
    driver: FilesystemDriver,
    repository: RepositoryName,
    digest: Digest,
    problems: string[],
  ): Promise<string | undefined> {
    const blob = await links.findLinkedBlob(repository, digest);
    if (blob === undefined) return undefined;
    const size = driver.stat(blob.digest)?.size;
    if (size !== blob.size)
      problems.push(`${repository} links ${digest} of ${blob.size} bytes, but the file has ${size}`);
    return blob.digest;
  }

  /** The digest of a tagged manifest, whose bytes must fit, and whose references are linked unless a client deleted them. */
  async #tag(
    { manifests, links }: MetadataStore,
    repository: RepositoryName,
    tag: string,
    moment: number,
    problems: string[],
  ): Promise<string | undefined> {
    const manifest = await manifests.findManifest(repository, parseTag(tag));
    if (manifest === undefined) return undefined;
    const bytes = manifest.bytes ?? new Uint8Array(0);
    if (digestOf(bytes) !== manifest.digest)
      problems.push(`${repository}:${tag} has other bytes than its digest says`);
    const { config, layers } = JSON.parse(new TextDecoder().decode(bytes));
    for (const { digest } of [config, ...layers]) {
      const mayBeAbsent = this.#history.allowedAt(blobKeyOf(repository, digest), moment).has(undefined);
      if (!mayBeAbsent && (await links.findLinkedBlob(repository, digest)) === undefined)
        problems.push(`${repository}:${tag} names ${digest}, which is not linked`);
    }
    return manifest.digest;
  }

  async #checkFiles(driver: FilesystemDriver, root: string, problems: string[]): Promise<void> {
    for await (const { digest } of driver.list()) {
      const path = join(
        root,
        "docker/registry/v2/blobs",
        algorithmOf(digest),
        digest.slice(7, 9),
        encodedOf(digest),
        "data",
      );
      if ((await this.#hashOf(path, digest)) !== encodedOf(digest))
        problems.push(`the file of ${digest} has other bytes`);
    }
  }

  async #hashOf(path: string, digest: Digest): Promise<string> {
    const { ino, size, mtimeMs } = await stat(path);
    const identity = `${ino} ${size} ${mtimeMs}`;
    const known = this.#hashes.get(identity);
    if (known !== undefined) return known;
    const hash = createContentHash(algorithmOf(digest));
    const file = await open(path, "r");
    try {
      for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk);
    } finally {
      await file.close();
    }
    const hex = hash.hex();
    this.#hashes.set(identity, hex);
    return hex;
  }
}
