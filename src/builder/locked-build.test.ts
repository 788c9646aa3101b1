import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type BuildRegistry, openBuildRegistry } from "../../test/support/build-registry.ts";
import { createDebianRepository, type DebianRepository } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import {
  digestOfImage,
  HAS_APT,
  LATEST,
  lockTextOf,
  SOMEBODY,
} from "../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../test/support/temporary-folder.ts";
import type { RegistryError } from "../oci/registry-error.ts";
import { parseRepositoryName } from "../oci/repository-name.ts";
import type { BuildProgress } from "./build-progress.ts";
import { factsFinisher } from "./debian/facts-finisher.ts";
import type { ImageFinisher } from "./debian/image-finisher.ts";
import { manifestsOf } from "./image-assembly.ts";
import { LockError } from "./lock-error.ts";
import { parseLocks } from "./locked-image.ts";
import type { PackageSource } from "./package-source.ts";
import { sizePlan } from "./plan/size-plan.ts";
import { resolveLocked } from "./resolved-image.ts";

// A safety net for a busy machine: apt takes less than a second.
setDefaultTimeout(120_000);

/** Stands for a machine that configures packages: only the mode matters here. */
const CONFIGURES: ImageFinisher = {
  finish: (platform, closure, files, mode = "configured") => ({
    ...factsFinisher.finish(platform, closure, files),
    mode,
  }),
};

/** The packages in one version each; `helper` stays the same. */
function packages(version: string) {
  return [
    { name: "program", version, fields: { Depends: "library" }, hasFile: true },
    { name: "library", version: `1:${version}~x`, hasFile: true },
    { name: "helper", fields: { Provides: "virtual" }, hasFile: true },
  ];
}

describeWith("an image built from its lock", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let first: BuildRegistry;
  let lock: string;
  let digest: string | undefined;

  /** A registry on data of its own, which apt sees with the lists of now. */
  const open = async (data: string, finisher?: ImageFinisher) => {
    const paths = { data: join(folder.path, data), aptState: join(folder.path, data, "apt") };
    await mkdir(paths.data, { recursive: true });
    const { sourcesFile } = repository;
    return openBuildRegistry({ ...paths, sourcesFile, essential: false, ...(finisher && { finisher }) });
  };
  const buildFrom = ({ builder }: BuildRegistry, name: string, ...texts: readonly string[]) =>
    builder.buildLocked(
      { repository: parseRepositoryName(name), tag: LATEST, locks: parseLocks(texts) },
      SOMEBODY,
    );
  const failureOf = async (work: Promise<unknown>): Promise<Error> => {
    const failure = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure instanceof Error) return failure;
    throw new Error("nothing was thrown");
  };

  beforeAll(async () => {
    folder = await temporaryFolder("locked-build");
    repository = await createDebianRepository(folder.path);
    await repository.publish(packages("1.0"));
    first = await open("first");
    await first.builder.ensure(parseRepositoryName("apt/program/virtual"), LATEST, SOMEBODY);
    digest = await digestOfImage(first, "apt/program/virtual");
    lock = await lockTextOf(first, "apt/program/virtual");
  });
  afterAll(async () => {
    await first[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it("is the same where its layers are kept, without apt, after the sources have moved on", async () => {
    await repository.publish(packages("2.0"));
    const { startedCount } = first.runner;
    await buildFrom(first, "team/pinned", JSON.stringify(JSON.parse(lock), undefined, 2));
    expect(await digestOfImage(first, "team/pinned")).toBe(digest ?? "");
    expect(await lockTextOf(first, "team/pinned")).toBe(lock);
    expect(first.runner.startedCount).toBe(startedCount);
  });

  it("is the same elsewhere while a source has the old versions beside new ones", async () => {
    await repository.publish([...packages("2.0"), ...packages("1.0").slice(0, 2)]);
    await using other = await open("other");
    const events: BuildProgress[] = [];
    const locks = parseLocks([lock]);
    const order = { repository: parseRepositoryName("apt/program"), tag: LATEST, locks };
    await other.builder.buildLocked(order, SOMEBODY, (event) => events.push(event));
    expect(await digestOfImage(other, "apt/program")).toBe(digest ?? "");
    expect(await lockTextOf(other, "apt/program")).toBe(lock);
    expect(events.at(0)).toMatchObject({ kind: "resolve-done", packageCount: 3 });
    expect(events.at(-1)).toMatchObject({ kind: "image-done", digest, outcome: "built" });
    // As if somebody had pushed it: it stays, although the name would get newer packages.
    await other.builder.ensure(parseRepositoryName("apt/program"), LATEST, SOMEBODY);
    expect(await digestOfImage(other, "apt/program")).toBe(digest ?? "");
  });

  it("is the same elsewhere while the old files are there, although no list names them any more", async () => {
    await repository.publish([...packages("2.0"), ...packages("1.0").slice(0, 2)]);
    for (const [index, others] of [packages("2.0"), []].entries()) {
      await repository.publish(others);
      await using late = await open(`unlisted-${index}`);
      await buildFrom(late, "team/pinned", lock);
      expect(await digestOfImage(late, "team/pinned")).toBe(digest ?? "");
      expect(await lockTextOf(late, "team/pinned")).toBe(lock);
    }
  });

  it("is refused with the names of all packages that no source has, and leaves nothing", async () => {
    await repository.publish(packages("1.0"));
    await repository.publish(packages("2.0"));
    await repository.removeFiles(packages("1.0").slice(0, 2));
    await using late = await open("late");
    const gone = (await failureOf(buildFrom(late, "team/pinned", lock))) as RegistryError;
    expect([gone.fault, gone.message]).toEqual([
      "package-unknown",
      "no source has these packages of the lock: library=1:1.0~x, program=1.0",
    ]);
    expect(await digestOfImage(late, "team/pinned")).toBeUndefined();
    const changed = packages("1.0").map((one) => ({ ...one, files: { "usr/share/other": "bytes" } }));
    await repository.publish(changed);
    await using wrong = await open("wrong");
    const other = (await failureOf(buildFrom(wrong, "team/pinned", lock))) as RegistryError;
    expect([other.fault, other.message]).toEqual([
      "package-unknown",
      expect.stringContaining("program=1.0 (the sources have other bytes)"),
    ]);
    await repository.removeFiles(changed);
    // Nothing is listed, and then only names that something mentions.
    for (const [index, others] of [
      [],
      [{ name: "other", fields: { Suggests: "library, program" } }],
    ].entries()) {
      await repository.publish(others);
      await using empty = await open(`empty-${index}`);
      const all = (await failureOf(buildFrom(empty, "team/pinned", lock))) as RegistryError;
      expect(all.message).toContain("helper=1, library=1:1.0~x, program=1.0");
    }
  });

  it("is refused with the names of all files that are in the lists and gone", async () => {
    await repository.publish(packages("1.0"));
    await using other = await open("lost-files");
    await repository.removeFiles(packages("1.0").slice(0, 2));
    const lost = (await failureOf(buildFrom(other, "team/pinned", lock))) as RegistryError;
    expect([lost.fault, lost.message]).toEqual([
      "package-unknown",
      "no source has these packages of the lock: library=1:1.0~x, program=1.0",
    ]);
  });

  it("is finished as the lock says, or refused", async () => {
    await repository.publish(packages("1.0"));
    await using configuring = await open("configuring", CONFIGURES);
    await buildFrom(configuring, "team/pinned", lock);
    expect(await digestOfImage(configuring, "team/pinned")).toBe(digest ?? "");
    const configured = lock.replace('"unpacked"', '"configured"');
    const refused = await failureOf(buildFrom(first, "team/pinned", configured));
    expect(refused).toBeInstanceOf(LockError);
    expect(refused.message).toBe(
      "this Slipway does not make that image: finisher.mode is configured in the lock, unpacked here",
    );
  });

  it("of several platforms needs the locks of each", async () => {
    await repository.publish(packages("1.0"));
    await first.builder.ensure(parseRepositoryName("apt/amd64/arm64/program"), LATEST, SOMEBODY);
    const index = await first.store.findManifest(parseRepositoryName("apt/amd64/arm64/program"), LATEST);
    const joined = await lockTextOf(first, "apt/amd64/arm64/program");
    const locks = await Promise.all(
      manifestsOf(index?.bytes ?? new Uint8Array()).map((image) =>
        lockTextOf(first, "apt/amd64/arm64/program", image.digest),
      ),
    );
    await using other = await open("both");
    await buildFrom(other, "team/both", ...locks);
    await buildFrom(other, "team/ordered", ...locks.toReversed(), joined);
    for (const name of ["team/both", "team/ordered"]) {
      expect(await digestOfImage(other, name)).toBe(index?.digest ?? "");
      expect(await lockTextOf(other, name)).toBe(joined);
    }
    const [, arm64 = ""] = locks;
    const lost = arm64.replaceAll(/"sha256":"[0-9a-f]{64}"/g, `"sha256":"${"0".repeat(64)}"`);
    const failure = (await failureOf(buildFrom(other, "team/both", locks[0] ?? "", lost))) as RegistryError;
    expect(failure.fault).toBe("package-unknown");
    expect(await digestOfImage(other, "team/both")).toBe(index?.digest ?? "");
    await failureOf(buildFrom(other, "team/half", locks[0] ?? "", lost));
    expect(await digestOfImage(other, "team/half")).toBeUndefined();
    expect(() => parseLocks([joined, locks[0] ?? ""])).toThrow(LockError);
    expect(() => parseLocks([joined])).toThrow("give the locks of its images as well: sha256:");
    expect(() => parseLocks([...locks, lock])).toThrow("not those of one index");
  });

  it("is refused if the lock is damaged or of another Slipway, with what is wrong", async () => {
    const value = JSON.parse(lock);
    const withMember = (change: Record<string, unknown>) => JSON.stringify({ ...value, ...change });
    const [one, ...others] = value.closure;
    const closureWith = (change: object) => withMember({ closure: [{ ...one, ...change }, ...others] });
    const wrong: readonly (readonly [string, string])[] = [
      [lock.slice(0, -9), "it is not JSON"],
      ["[]", "it is not the lock of an image"],
      ["7", "it is not the lock of an image"],
      [withMember({ formatVersion: 3 }), "it has format 3, and this Slipway reads and makes 4"],
      [withMember({ plan: undefined }), "it is damaged: plan"],
      [withMember({ plan: { ...value.plan, budget: 0 } }), "it is damaged: plan.budget"],
      [withMember({ plan: { ...value.plan, kind: "own" } }), "this Slipway has no plan own"],
      [
        withMember({ plan: { ...value.plan, formatVersion: 9 } }),
        "plan.formatVersion is 9 in the lock, 1 here",
      ],
      [withMember({ platform: { os: "linux", architecture: "../x" } }), "platform.architecture"],
      [
        withMember({ source: { ...value.source, formatVersion: "apt-0" } }),
        "source.formatVersion is apt-0 in",
      ],
      [withMember({ source: { ...value.source, name: "rpm" } }), "there is no package source rpm here"],
      [withMember({ compressor: "other" }), "compressor is other in the lock"],
      [withMember({ more: 1 }), "it is damaged"],
      [withMember({ finisher: { mode: "magic", formatVersion: 1 } }), "it is damaged: finisher.mode"],
      [
        withMember({ finisher: { mode: "unpacked", formatVersion: 9 } }),
        "finisher.formatVersion is 9 in the lock",
      ],
      [withMember({ closure: undefined }), "closure"],
      [withMember({ closure: value.closure.toReversed() }), "its packages are not in order"],
      [withMember({ closure: others }), "its closure has no virtual"],
      [withMember({ packages: ["--help"] }), "--help is not a package"],
      [closureWith({ sha256: "00" }), "it is damaged: closure.0.sha256"],
      [closureWith({ name: "-o" }), "it is damaged: closure.0.name"],
      [closureWith({ version: "1 2" }), "it is damaged: closure.0.version"],
      [closureWith({ architecture: "s390x" }), "is for s390x, the image for "],
      [closureWith({ sizeBytes: -1 }), "it is damaged: closure.0.sizeBytes"],
      [closureWith({ file: undefined }), "it is damaged: closure.0.file"],
      [closureWith({ file: "../a.deb" }), "closure.0.file: is not a path in a repository"],
      [closureWith({ base: undefined }), "it is damaged: closure.0.base"],
    ];
    for (const [text, message] of wrong) {
      const failure = await failureOf((async () => buildFrom(first, "team/wrong", text))());
      expect([failure.name, failure.message]).toEqual(["LockError", expect.stringContaining(message)]);
      expect(failure.message).not.toContain("\n");
    }
    expect(await digestOfImage(first, "team/wrong")).toBeUndefined();
    const [image] = parseLocks([lock]);
    const other = { name: "nix", formatVersion: "nix-1" } as PackageSource;
    expect(() => image && resolveLocked(other, image, sizePlan)).toThrow(
      "images of nix cannot be built from a lock, only those of apt",
    );
  });
});
