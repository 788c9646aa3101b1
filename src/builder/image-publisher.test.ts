import { expect, it, setDefaultTimeout } from "bun:test";
import { describeWith } from "../../test/support/requirements.ts";
import {
  beforeEachPush,
  digestOfImage,
  EMPTY_INDEX,
  faultOf,
  HAS_APT,
  LATEST,
  lockOf,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { MediaType } from "../oci/media-types.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import type { BuildProgress } from "./build-progress.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

describeWith("images built with apt, when they are published", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const name = (text: string) => parseRepositoryName(text);
  const ownArchitecture = process.arch === "arm64" ? "arm64" : "amd64";

  it("are the same under a name that orders the packages otherwise, and no layer is made for it", async () => {
    const events: BuildProgress[] = [];
    await shared.registry.builder.ensure(name("apt/git/curl"), LATEST, SOMEBODY, (event) =>
      events.push(event),
    );
    expect(await digestOfImage(shared.registry, "apt/git/curl")).toBe(
      await digestOfImage(shared.registry, "apt/curl/git"),
    );
    expect(events.map((event) => event.kind)).toEqual(["resolve-started", "resolve-done", "image-done"]);
  });

  it("carry their lock as a referrer", async () => {
    expect((await lockOf(shared.registry, "apt/curl/git")).packages).toEqual(["curl", "git"]);
  });

  it("never replace what a client pushes while they are built", async () => {
    const contested = name(`apt/${ownArchitecture}/curl/git`);
    await using slow = await shared.distribution.open("one", {
      change: beforeEachPush(async () => {
        await shared.registry.store.pushManifest(contested, EMPTY_INDEX);
      }),
    });
    await slow.builder.ensure(contested, LATEST, SOMEBODY);
    expect((await shared.registry.store.findManifest(contested, LATEST))?.mediaType).toBe(MediaType.ociIndex);
    expect(await shared.registry.metadata.builds.findBuiltImage(contested, LATEST)).toBeUndefined();
  });

  it("whose build was interrupted do not exist, and are built at the next request", async () => {
    const broken = name(`apt/${ownArchitecture}/git/curl`);
    await using failing = await shared.distribution.open("one", {
      change: beforeEachPush(async ({ bytes }) => {
        if (new TextDecoder().decode(bytes).includes(MediaType.slipwayLock))
          throw new RegistryError("build-failed", "broken off");
      }),
    });
    expect((await faultOf(failing.builder.ensure(broken, LATEST, SOMEBODY))).fault).toBe("build-failed");
    expect(await digestOfImage(shared.registry, broken)).toBeUndefined();
    await shared.registry.builder.ensure(broken, LATEST, SOMEBODY);
    expect(await shared.registry.metadata.builds.findBuiltImage(broken, LATEST)).toBeDefined();
  });
});
