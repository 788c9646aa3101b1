import { expect, it, setDefaultTimeout } from "bun:test";
import { describeWith } from "../../test/support/requirements.ts";
import {
  digestOfImage,
  HAS_APT,
  LATEST,
  type Layer,
  layersOf,
  lockOf,
  SOMEBODY,
  shareSmallDistribution,
} from "../../test/support/small-distribution.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import type { BuildProgress } from "./build-progress.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

describeWith("images built with apt", HAS_APT, "no apt", () => {
  const shared = shareSmallDistribution();
  const name = (text: string) => parseRepositoryName(text);

  it("are the same when built from nothing elsewhere, once for all who ask meanwhile", async () => {
    await using other = await shared.distribution.open("two");
    const events: BuildProgress[] = [];
    const tell = (event: BuildProgress): void => void events.push(event);
    const leaver = new AbortController();
    const leaving = other.builder.ensure(
      name("apt/git/curl"),
      LATEST,
      { ...SOMEBODY, signal: leaver.signal },
      tell,
    );
    const staying = other.builder.ensure(name("apt/git/curl"), LATEST, SOMEBODY, tell);
    leaver.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    await staying;
    expect(await digestOfImage(other, "apt/git/curl")).toBe(
      await digestOfImage(shared.registry, "apt/curl/git"),
    );
    expect(events.filter((event) => event.kind === "image-done")).toHaveLength(1);
  });

  it("share at least nine tenths of what they have in common with a related image", async () => {
    await shared.registry.builder.ensure(name("apt/curl/git/jq"), LATEST, SOMEBODY);
    const first = await layersOf(shared.registry, "apt/curl/git");
    const second = new Set((await layersOf(shared.registry, "apt/curl/git/jq")).map((layer) => layer.digest));
    const sum = (layers: readonly Layer[]): number => layers.reduce((total, layer) => total + layer.size, 0);
    // Everything in the first image is in the second one as well.
    expect(sum(first.filter((layer) => second.has(layer.digest))) / sum(first)).toBeGreaterThan(0.9);
    expect(second.size).toBeLessThanOrEqual(94);
  });

  it("are resolved again when they are old, and stay when nothing changed", async () => {
    await using impatient = await shared.distribution.open("one", { refreshSeconds: 0 });
    const events: BuildProgress[] = [];
    await impatient.builder.ensure(name("apt/curl/git"), LATEST, SOMEBODY, (event) => events.push(event));
    expect(events.at(-1)).toMatchObject({ kind: "image-done", outcome: "unchanged" });
  });

  it("hold the essential packages, those for every image, and what the named ones need", async () => {
    await shared.registry.builder.ensure(name("apt/jq"), LATEST, SOMEBODY);
    const { closure } = await lockOf(shared.registry, "apt/jq");
    expect(closure.map((one) => one.name)).toEqual(["certificates", "jq", "libjq", "shell"]);
  });
});
