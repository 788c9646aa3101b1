import { beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { delegating } from "../../test/support/delegating.ts";
import { describeWith } from "../../test/support/requirements.ts";
import {
  digestOfImage,
  EMPTY_INDEX,
  HAS_APT,
  LATEST,
  layersOf,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { blobKey } from "../content/blob-paths.ts";
import { parseDigest } from "../oci/digest.ts";
import { MediaType } from "../oci/media-types.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

describeWith("images built with apt, once they are stored", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const name = (text: string) => parseRepositoryName(text);

  beforeAll(async () => {
    await shared.registry.builder.ensure(name("apt/git/curl"), LATEST, SOMEBODY);
  });

  it("never replace what a client pushed under such a name", async () => {
    const pushed = name("apt/pushed");
    await shared.registry.store.pushManifest(pushed, EMPTY_INDEX);
    const { startedCount } = shared.registry.runner;
    await shared.registry.builder.ensure(pushed, LATEST, SOMEBODY);
    expect(shared.registry.runner.startedCount).toBe(startedCount);
    expect((await shared.registry.store.findManifest(pushed, LATEST))?.mediaType).toBe(MediaType.ociIndex);
  });

  it("check only once for a build where a client pushed", async () => {
    let lookCount = 0;
    await using counting = await shared.distribution.open("one", {
      change: ({ ledger }) => ({
        ledger: delegating(ledger, {
          findBuiltImage(repository, tag) {
            lookCount += 1;
            return ledger.findBuiltImage(repository, tag);
          },
        }),
      }),
    });
    const pushed = name("apt/pushed/once");
    await shared.registry.store.pushManifest(pushed, EMPTY_INDEX);
    for (let pull = 0; pull < 3; pull += 1) await counting.builder.ensure(pushed, LATEST, SOMEBODY);
    expect(lookCount).toBe(1);
  });

  it("are complete again after a refresh when a client deleted a part", async () => {
    const damaged = name("apt/git/curl");
    const [layer] = await layersOf(shared.registry, damaged);
    const digest = parseDigest(layer?.digest ?? "");
    expect(await shared.registry.metadata.links.unlinkBlob(damaged, digest)).toBe(true);
    await using impatient = await shared.distribution.open("one", { refreshSeconds: 0 });
    await impatient.builder.ensure(damaged, LATEST, SOMEBODY);
    expect(await shared.registry.metadata.links.findLinkedBlob(damaged, digest)).toBeDefined();
    expect(await digestOfImage(shared.registry, damaged)).toBe(
      await digestOfImage(shared.registry, "apt/curl/git"),
    );
  });

  it("are built again at once when the file of a layer is lost, in the image and in the layer cache", async () => {
    const damaged = name("apt/git/curl");
    const before = await digestOfImage(shared.registry, damaged);
    const [layer] = await layersOf(shared.registry, damaged);
    const digest = parseDigest(layer?.digest ?? "");
    const file = join(shared.distribution.path, "one", "content", blobKey(digest));
    await rm(file);
    await using restarted = await shared.distribution.open("one");
    await restarted.builder.ensure(damaged, LATEST, SOMEBODY);
    expect((await stat(file)).size).toBe(layer?.size ?? -1);
    expect(await digestOfImage(shared.registry, damaged)).toBe(before ?? "none");
  });
});
