import type { Pattern } from "../pattern.ts";
import { SampleContent } from "../sample-content.ts";
import { pushContent } from "../sample-pushes.ts";
import type { Stage } from "../stage.ts";

const MEBIBYTE = 1024 * 1024;

/** Clients that ask for 900 ranges of a small blob in one request. */
export class ManyRanges implements Pattern {
  readonly name = "many-ranges";
  readonly summary = "8 clients on new connections ask for 900 ranges of a blob of 4 MiB";
  readonly isFairnessCase = true;
  #path = "";

  async prepare(stage: Stage): Promise<void> {
    const content = new SampleContent(stage.block(), 4 * MEBIBYTE, 0);
    this.#path = await pushContent(stage, "ranges/many", content);
  }

  async run(stage: Stage): Promise<void> {
    const starts = Array.from({ length: 900 }, (_, i) => i * 4500);
    const headers = { range: `bytes=${starts.map((start) => `${start}-${start + 3999}`).join(",")}` };
    await stage.clients(8, async () => {
      await stage.ask({ method: "GET", path: this.#path, headers });
      await stage.rest(300);
    });
  }
}

/** Clients that ask for two ranges of 100 MB and hardly read them. */
export class SlowRanges implements Pattern {
  readonly name = "slow-ranges";
  readonly summary = "100 clients read two ranges of 100 MB slowly";
  readonly isFairnessCase = false;
  #path = "";

  async prepare(stage: Stage): Promise<void> {
    const content = new SampleContent(stage.block(), 200_000_000, 0);
    this.#path = await pushContent(stage, "ranges/slow", content);
  }

  async run(stage: Stage): Promise<void> {
    const headers = { range: "bytes=0-99999999,100000000-" };
    await stage.clients(100, async () => {
      await stage.ask({ method: "GET", path: this.#path, headers, bytesPerSecond: 256 * 1024 });
      await stage.rest(1000, 1);
    });
  }
}
