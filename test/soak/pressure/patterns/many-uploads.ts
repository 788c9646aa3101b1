import type { Pattern } from "../pattern.ts";
import { SampleContent } from "../sample-content.ts";
import type { Stage } from "../stage.ts";

const MEBIBYTE = 1024 * 1024;
const CLIENTS = 64;
const CONTENTS = 4;

/** 64 uploads at once: half send all by PATCH and close with an empty PUT, half send all by PUT. */
export class ManyUploads implements Pattern {
  readonly name = "many-uploads";
  readonly summary = "bursts of 64 uploads at once, of some ten MiB each, by PATCH and by PUT";
  readonly isFairnessCase = false;
  #contents: readonly SampleContent[] = [];

  async prepare(stage: Stage): Promise<void> {
    // 256 MiB each in a long run. A short run uses a size that it can send several times.
    const size = Math.min(256, Math.max(8, Math.round(stage.seconds / 2))) * MEBIBYTE;
    const block = stage.block();
    this.#contents = Array.from({ length: CONTENTS }, (_, i) => new SampleContent(block, size, i));
  }

  async run(stage: Stage): Promise<void> {
    while (!stage.ended) {
      await Promise.all(Array.from({ length: CLIENTS }, (_, client) => this.#upload(stage, client)));
      await stage.rest(5000);
    }
  }

  async #upload(stage: Stage, client: number): Promise<void> {
    const body = this.#contents[client % CONTENTS] as SampleContent;
    const path = `/v2/many/uploads-${client % 8}/blobs/uploads/`;
    const started = await stage.ask({ method: "POST", path, body: new Uint8Array(0) });
    const location = started?.headers.get("location");
    if (location === undefined) return;
    const closing = `${location}&digest=${body.digest}`;
    if (client % 2 === 0) {
      await stage.ask({ method: "PUT", path: closing, body });
      return;
    }
    await stage.ask({ method: "PATCH", path: location, body });
    await stage.ask({ method: "PUT", path: closing, body: new Uint8Array(0) });
  }
}
