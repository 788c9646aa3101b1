import type { Digest } from "../../../../src/oci/digest.ts";
import type { Pattern } from "../pattern.ts";
import { LARGE_MANIFEST_BYTES, largeAnnotations, smallImage } from "../sample-manifests.ts";
import type { Stage } from "../stage.ts";

const REPOSITORY = "large/referrers";
const REFERRERS = 150;
const SLOW_BYTES_PER_SECOND = 256 * 1024;

/** Clients that list 150 referrers of 4 MiB each, page by page; some of them read slowly. */
export class LargeReferrers implements Pattern {
  readonly name = "large-referrers";
  readonly summary = "5 clients list 150 referrers with 4 MiB of annotations each, 3 of them slowly";
  readonly isFairnessCase = false;
  #subject: Digest | undefined;

  async prepare(stage: Stage): Promise<void> {
    const image = await smallImage(stage, REPOSITORY);
    const subject = await stage.client.pushManifest(REPOSITORY, image);
    this.#subject = subject.digest;
    for (let i = 0; i < REFERRERS; i++) {
      const annotations = largeAnnotations(LARGE_MANIFEST_BYTES, i);
      await stage.client.pushManifest(REPOSITORY, { ...image, subject, annotations });
    }
  }

  async run(stage: Stage): Promise<void> {
    await Promise.all([
      stage.clients(2, () => this.#list(stage, undefined)),
      stage.clients(3, () => this.#list(stage, SLOW_BYTES_PER_SECOND)),
    ]);
  }

  async #list(stage: Stage, bytesPerSecond: number | undefined): Promise<void> {
    let path: string | undefined = `/v2/${REPOSITORY}/referrers/${this.#subject}`;
    while (path !== undefined && !stage.ended) {
      const request = { method: "GET", path, ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }) };
      const answer = await stage.ask(request);
      path = /^<([^>]+)>/.exec(answer?.headers.get("link") ?? "")?.[1];
      await stage.rest(100);
    }
  }
}
