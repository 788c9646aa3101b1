import type { Pattern } from "../pattern.ts";
import { SampleContent } from "../sample-content.ts";
import type { Stage } from "../stage.ts";

const CLIENTS = 200;
const BLOB_BYTES = 2 * 1024 * 1024;

/**
 * Bursts of clients that each push a blob by a single POST. They reuse the same blobs, so that the disk does not fill
 * up.
 */
export class SinglePosts implements Pattern {
  readonly name = "single-posts";
  readonly summary = "bursts of 200 single POSTs of 2 MiB at once";
  readonly isFairnessCase = false;
  #contents: readonly SampleContent[] = [];

  async prepare(stage: Stage): Promise<void> {
    const block = stage.block();
    this.#contents = Array.from({ length: CLIENTS }, (_, i) => new SampleContent(block, BLOB_BYTES, i));
  }

  async run(stage: Stage): Promise<void> {
    while (!stage.ended) {
      await Promise.all(
        this.#contents.map((body) =>
          stage.ask({ method: "POST", path: `/v2/single/posts/blobs/uploads/?digest=${body.digest}`, body }),
        ),
      );
      await stage.rest(5000);
    }
  }
}
