import { MediaType } from "../../../../src/oci/media-types.ts";
import type { TestDescriptor } from "../../../support/registry-client.ts";
import type { Pattern } from "../pattern.ts";
import { entryOf, LARGE_MANIFEST_BYTES, repeatedEntries } from "../sample-manifests.ts";
import type { Stage } from "../stage.ts";

const REPOSITORY = "many/references";
const CLIENTS = 40;
/** Number of different manifests. Small, so that they do not fill the disk. */
const VARIANTS = 5;

/**
 * Bursts of clients that push manifests of 4 MiB. Each lists tens of thousands of layers, which are only a few
 * different blobs.
 */
export class ManyReferences implements Pattern {
  readonly name = "many-references";
  readonly summary = "bursts of 40 pushes at once of 4 MiB manifests with tens of thousands of layers";
  readonly isFairnessCase = false;
  #manifests: readonly Uint8Array[] = [];

  async prepare(stage: Stage): Promise<void> {
    const config = await stage.client.pushBlob(REPOSITORY, "{}", MediaType.ociConfig);
    const layers: TestDescriptor[] = [];
    for (let i = 0; i < VARIANTS; i++) layers.push(await stage.client.pushBlob(REPOSITORY, `layer ${i}`));
    this.#manifests = layers.map((layer) => {
      const entries = repeatedEntries(entryOf(layer), LARGE_MANIFEST_BYTES - 1000);
      const mediaType = MediaType.ociManifest;
      const image = { schemaVersion: 2, mediaType, config: entryOf(config), layers: entries };
      return new TextEncoder().encode(JSON.stringify(image));
    });
  }

  async run(stage: Stage): Promise<void> {
    const headers = { "content-type": MediaType.ociManifest };
    while (!stage.ended) {
      await Promise.all(
        Array.from({ length: CLIENTS }, (_, client) => {
          const body = this.#manifests[client % VARIANTS] as Uint8Array;
          return stage.ask({ method: "PUT", path: `/v2/${REPOSITORY}/manifests/v${client}`, headers, body });
        }),
      );
      await stage.rest(5000);
    }
  }
}
