import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildRegistry, openBuildRegistry } from "../../../../test/support/build-registry.ts";
import { createDebianRepository, type DebianRepository } from "../../../../test/support/debian-repository.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import {
  digestOfImage,
  HAS_APT,
  LATEST,
  layersOf,
  lockTextOf,
  SOMEBODY,
} from "../../../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { parseRepositoryName } from "../../../oci/repository-name.ts";
import { streamedEntries } from "../../archive/tar-reader.ts";
import { LockError } from "../../lock-error.ts";
import { parseLocks } from "../../locked-image.ts";
import { type ImageSources, parseGivenSources } from "./chosen-sources.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

const GIVEN = parseGivenSources("deb http://deb.example/debian stable main");
/** An image with apt, and one without. */
const IMAGES = ["apt/apt", "apt/other"] as const;
const TEXT = `# Where the packages of this image come from.

# One source is left out: it is on the machine that made this image.
`;

describeWith("images with apt in them", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let built: BuildRegistry;

  const open = async (data: string, imageSources?: ImageSources, sourcesFile = repository.sourcesFile) => {
    const paths = { data: join(folder.path, data), aptState: join(folder.path, data, "apt") };
    await mkdir(paths.data, { recursive: true });
    return openBuildRegistry({
      ...paths,
      sourcesFile,
      essential: false,
      ...(imageSources && { imageSources }),
    });
  };
  const build = async (registry: BuildRegistry) => {
    for (const name of IMAGES) await registry.builder.ensure(parseRepositoryName(name), LATEST, SOMEBODY);
    return Promise.all(IMAGES.map((name) => digestOfImage(registry, name)));
  };
  const locked = ({ builder }: BuildRegistry, name: string, lock: string) =>
    builder.buildLocked(
      { repository: parseRepositoryName(name), tag: LATEST, locks: parseLocks([lock]) },
      SOMEBODY,
    );

  beforeAll(async () => {
    folder = await temporaryFolder("image-sources");
    repository = await createDebianRepository(folder.path);
    await repository.publish(["apt", "other"].map((name) => ({ name, hasFile: true })));
    built = await open("built");
    await build(built);
  });
  afterAll(async () => {
    await built[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it("have their sources in the last layer, which has nothing else", async () => {
    const { digest, size } = (await layersOf(built, "apt/apt")).at(-1) as { digest: never; size: number };
    const compressed = await new Response(await built.store.open({ digest, size })).arrayBuffer();
    const bytes = new Blob([Bun.gunzipSync(compressed)]).stream();
    const entries: unknown[] = [];
    for await (const entry of streamedEntries(bytes)) {
      const { path, mode, userId, groupId } = entry;
      const text = Buffer.concat(await Array.fromAsync(entry.content, (chunk) => chunk.slice())).toString();
      entries.push({ path, mode, userId, groupId, text });
    }
    const owner = { userId: 0, groupId: 0 };
    expect(entries).toEqual([
      { path: "etc/", mode: 0o755, ...owner, text: "" },
      { path: "etc/apt/", mode: 0o755, ...owner, text: "" },
      { path: "etc/apt/sources.list.d/", mode: 0o755, ...owner, text: "" },
      { path: "etc/apt/sources.list.d/debian.sources", mode: 0o644, ...owner, text: TEXT },
    ]);
  });

  it("depend on the setting, and others do not", async () => {
    const [withApt, without] = await build(built);
    await using given = await open("given", GIVEN);
    const other = await build(given);
    await using none = await open("none", { kind: "none" });
    const bare = await build(none);
    expect([other[1], bare[1]]).toEqual([without, without]);
    expect(new Set([withApt, other[0], bare[0]]).size).toBe(3);
    expect(JSON.parse(await lockTextOf(given, "apt/apt"))).toMatchObject({
      sources: { path: "etc/apt/sources.list", text: "deb http://deb.example/debian stable main\n" },
    });
    for (const [registry, name] of [
      [none, "apt/apt"],
      [given, "apt/other"],
    ] as const)
      expect(JSON.parse(await lockTextOf(registry, name))).not.toHaveProperty("sources");
  });

  it("depend on the sources of the build", async () => {
    const sourcesFile = join(folder.path, "other.sources");
    await writeFile(
      sourcesFile,
      `Types: deb\nURIs: file:${repository.folder}\nSuites: ./\nTrusted: yes\n\nTypes: deb\nURIs: copy:${repository.folder}\nSuites: ./\nTrusted: yes\n`,
    );
    await using registry = await open("two-sources", undefined, sourcesFile);
    const [withApt, without] = await build(registry);
    const expected = await build(built);
    expect(without).toBe(expected[1]);
    expect(withApt).not.toBe(expected[0]);
  });

  it("are the same from their lock, whatever the setting is by then", async () => {
    await using elsewhere = await open("elsewhere", GIVEN);
    const lock = await lockTextOf(built, "apt/apt");
    await locked(elsewhere, "team/pinned", lock);
    expect(await digestOfImage(elsewhere, "team/pinned")).toBe(await digestOfImage(built, "apt/apt"));
    await using none = await open("none");
    const bare = await lockTextOf(none, "apt/apt");
    await locked(elsewhere, "team/bare", bare);
    expect(await digestOfImage(elsewhere, "team/bare")).toBe(await digestOfImage(none, "apt/apt"));
  });

  it("have no sources at other paths, and without apt there are none: such a lock is refused", async () => {
    const lock = JSON.parse(await lockTextOf(built, "apt/apt"));
    const other = JSON.parse(await lockTextOf(built, "apt/other"));
    const { closure, ...rest } = other;
    for (const damaged of [
      { ...lock, sources: { ...lock.sources, path: "etc/passwd" } },
      { ...rest, sources: lock.sources, closure },
    ])
      await expect(locked(built, "team/damaged", JSON.stringify(damaged))).rejects.toThrow(LockError);
  });
});
