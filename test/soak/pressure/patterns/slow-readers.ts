import type { Pattern } from "../pattern.ts";
import { SampleContent } from "../sample-content.ts";
import { LARGE_MANIFEST_BYTES, largeAnnotations, smallImage } from "../sample-manifests.ts";
import { pushContent } from "../sample-pushes.ts";
import { requestHead, type Stage } from "../stage.ts";

const MEBIBYTE = 1024 * 1024;
const REPOSITORY = "slow/readers";
const MANIFEST = `/v2/${REPOSITORY}/manifests/large`;

async function pushLargeManifest(stage: Stage): Promise<void> {
  const annotations = largeAnnotations(LARGE_MANIFEST_BYTES, 1);
  const image = await smallImage(stage, REPOSITORY);
  await stage.client.pushManifest(REPOSITORY, { ...image, annotations }, "large");
}

/** Clients that read a large manifest slowly. */
export class SlowManifests implements Pattern {
  readonly name = "slow-manifests";
  readonly summary = "100 clients read a manifest of 4 MiB slowly";
  readonly isFairnessCase = false;
  readonly prepare = pushLargeManifest;

  async run(stage: Stage): Promise<void> {
    await stage.clients(100, async () => {
      await stage.ask({ method: "GET", path: MANIFEST, bytesPerSecond: 128 * 1024 });
      await stage.rest(1000, 1);
    });
  }
}

/** Clients that read a large blob slowly. */
export class SlowBlobs implements Pattern {
  readonly name = "slow-blobs";
  readonly summary = "100 clients read a blob of 64 MiB slowly";
  readonly isFairnessCase = false;
  #path = "";

  async prepare(stage: Stage): Promise<void> {
    this.#path = await pushContent(stage, REPOSITORY, new SampleContent(stage.block(), 64 * MEBIBYTE, 0));
  }

  async run(stage: Stage): Promise<void> {
    await stage.clients(100, async () => {
      await stage.ask({ method: "GET", path: this.#path, bytesPerSecond: 256 * 1024 });
      await stage.rest(1000, 1);
    });
  }
}

/** Clients that send many requests over one connection and read no answer. */
export class UnreadPipelines implements Pattern {
  readonly name = "unread-pipelines";
  readonly summary =
    "40 clients pipeline 100 requests for 4 MiB manifests, 60 KB blobs and tag lists, and read nothing";
  readonly isFairnessCase = false;
  #blob = "";

  async prepare(stage: Stage): Promise<void> {
    await pushLargeManifest(stage);
    this.#blob = await pushContent(stage, REPOSITORY, new SampleContent(stage.block(), 60_000, 1));
  }

  async run(stage: Stage): Promise<void> {
    const paths = [MANIFEST, this.#blob, `/v2/${REPOSITORY}/tags/list`, MANIFEST];
    await stage.clients(40, async (client) => {
      const wire = await stage.connect({ bytesPerSecond: 0 });
      if (wire === undefined) return;
      const path = paths[client % paths.length] as string;
      // If the server takes no more requests, this waits until the end of the run.
      const sent = wire.send(requestHead("GET", path).repeat(100));
      await Promise.race([sent, stage.rest(10_000, 1)]);
      await stage.rest(10_000, 1);
      stage.note("pipelined");
      wire.close();
    });
  }
}
