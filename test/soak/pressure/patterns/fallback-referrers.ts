import { digestOf } from "../../../../src/oci/digest.ts";
import { MediaType } from "../../../../src/oci/media-types.ts";
import { referrersTag } from "../../../../src/oci/referrers-tag.ts";
import type { Pattern } from "../pattern.ts";
import { entryOf, repeatedEntries, smallImage } from "../sample-manifests.ts";
import type { Stage } from "../stage.ts";

const SUBJECT = digestOf("a manifest that nobody pushed");

/** Pushes the index that older clients keep under the subject's fallback tag. */
async function pushFallbackTag(
  stage: Stage,
  repository: string,
  manifests: readonly object[],
): Promise<void> {
  const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
  await stage.client.pushManifest(repository, index, referrersTag(SUBJECT));
}

async function list(stage: Stage, repository: string): Promise<void> {
  await stage.ask({ method: "GET", path: `/v2/${repository}/referrers/${SUBJECT}` });
  await stage.rest(300);
}

/** Clients that list the referrers of a fallback tag of 3.5 MB, whose entries name only a few manifests. */
export class LargeFallbackTag implements Pattern {
  readonly name = "large-fallback-tag";
  readonly summary = "2 clients on new connections list referrers over a fallback tag of 3.5 MB";
  readonly isFairnessCase = true;
  readonly #repository = "fallback/large";

  async prepare(stage: Stage): Promise<void> {
    const image = await stage.client.pushManifest(
      this.#repository,
      await smallImage(stage, this.#repository),
    );
    const entry = entryOf(image, { artifactType: "application/vnd.example.note" });
    await pushFallbackTag(stage, this.#repository, repeatedEntries(entry, 3_500_000));
  }

  async run(stage: Stage): Promise<void> {
    await stage.clients(2, () => list(stage, this.#repository));
  }
}

/** Clients that list the referrers of a fallback tag that names 2,000 manifests. */
export class ManyFallbackEntries implements Pattern {
  readonly name = "many-fallback-entries";
  readonly summary = "4 clients on new connections list referrers over a fallback tag of 2,000 entries";
  readonly isFairnessCase = true;
  readonly #repository = "fallback/many";

  async prepare(stage: Stage): Promise<void> {
    const image = await smallImage(stage, this.#repository);
    const entries: object[] = [];
    for (let first = 0; first < 2000; first += 20) {
      const numbers = Array.from({ length: 20 }, (_, i) => first + i);
      const pushed = await Promise.all(
        numbers.map((number) =>
          stage.client.pushManifest(this.#repository, { ...image, annotations: { number: `${number}` } }),
        ),
      );
      entries.push(...pushed.map((descriptor) => entryOf(descriptor)));
    }
    await pushFallbackTag(stage, this.#repository, entries);
  }

  async run(stage: Stage): Promise<void> {
    await stage.clients(4, () => list(stage, this.#repository));
  }
}
