import { MediaType } from "../../../../src/oci/media-types.ts";
import type { Pattern } from "../pattern.ts";
import { entryOf, repeatedEntries } from "../sample-manifests.ts";
import type { Stage } from "../stage.ts";

const REPOSITORY = "docker/list";

/** Old Docker clients that ask for the tag of a large manifest list and take only schema 2. */
export class DockerList implements Pattern {
  readonly name = "docker-list";
  readonly summary = "8 clients on new connections ask for a Docker list of 3.8 MB as schema 2";
  readonly isFairnessCase = true;

  async prepare(stage: Stage): Promise<void> {
    const config = await stage.client.pushBlob(
      REPOSITORY,
      "{}",
      "application/vnd.docker.container.image.v1+json",
    );
    const mediaType = MediaType.dockerManifest;
    const image = { schemaVersion: 2, mediaType, config, layers: [] };
    const descriptor = await stage.client.pushManifest(REPOSITORY, image);
    const other = entryOf(descriptor, { platform: { architecture: "s390x", os: "linux" } });
    const wanted = entryOf(descriptor, { platform: { architecture: "amd64", os: "linux" } });
    const manifests = [...repeatedEntries(other, 3_800_000), wanted];
    await stage.client.pushManifest(
      REPOSITORY,
      { schemaVersion: 2, mediaType: MediaType.dockerList, manifests },
      "latest",
    );
  }

  async run(stage: Stage): Promise<void> {
    const headers = { accept: MediaType.dockerManifest };
    await stage.clients(8, async () => {
      await stage.ask({ method: "GET", path: `/v2/${REPOSITORY}/manifests/latest`, headers });
      await stage.rest(300);
    });
  }
}
