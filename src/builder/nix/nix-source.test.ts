import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomUUID } from "node:crypto";
import { cp, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  packageSourceContract,
  type SourceSubject,
} from "../../../test/contracts/package-source.contract.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import {
  buildersWith,
  HAS_NIX,
  makeRemovable,
  openNixSource,
  SMALL_SET,
  type TestSource,
} from "../../../test/support/nix.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { stepContext } from "../../../test/support/step-context.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import { parseTag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { openChosenPlan } from "../plan/chosen-plan.ts";
import { nixeryPlan } from "../plan/nixery-plan.ts";
import { NO_POPULARITY } from "../plan/popularity.ts";

const AMD64 = { os: "linux", architecture: "amd64" };
/** A safety net: some tests build packages. */
const LONG_MS = 300_000;

setDefaultTimeout(LONG_MS);

/** Labels of the parts that names resolve to, or the fault and its detail. */
async function resolve({ source }: TestSource, ...names: readonly string[]) {
  try {
    const request = source.read(names, parseTag("latest"), AMD64);
    await using resolution = await source.resolve(request, stepContext());
    return { packages: resolution.packages, labels: resolution.parts.map(({ label }) => label).toSorted() };
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    return { fault: error.fault, message: error.message, detail: error.detail as Record<string, unknown> };
  }
}

describeWith("a small package set", HAS_NIX, "nix is not installed", () => {
  const opened = new AsyncDisposableStack();
  let folder: TemporaryFolder;
  let tested: TestSource;
  let subject: SourceSubject;

  beforeAll(async () => {
    folder = await temporaryFolder("nix-source");
    tested = opened.use(await openNixSource(join(folder.path, "nix")));
    subject = {
      source: tested.source,
      elsewhere: opened.use(await openNixSource(join(folder.path, "elsewhere"))).source,
      needing: "program",
      needed: "library",
      apart: "apart",
      unknown: ["nothing", "nowhere"],
    };
  });
  afterAll(async () => {
    await opened.disposeAsync();
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  packageSourceContract("nix", () => subject);

  describe("names", () => {
    it.each([
      ["mixedcase", "MixedCase"],
      ["0digit", "_0digit"],
      ["dotted2.5", "dotted2.5"],
      ["plus_plus", "plus+"],
      ["nested.camelcase.innerpkg", "nested.camelCase.innerPkg"],
      ["split.dev", "split.dev"],
    ])("%s is found as %s", async (name, attribute) => {
      expect(await resolve(tested, name)).toMatchObject({ packages: [attribute] });
    });

    it("take the output that they name, and else the default one", async () => {
      expect((await resolve(tested, "split")).labels).toEqual(["everywhere-1", "split-1"]);
      expect((await resolve(tested, "split.dev")).labels).toEqual(["everywhere-1", "split-1-dev"]);
    });

    it("that are unknown are all listed, with similar names", async () => {
      const failure = await resolve(tested, "progam", "nothing", "apart", "libary");
      expect(failure).toMatchObject({
        fault: "package-unknown",
        detail: {
          packages: ["libary", "nothing", "progam"],
          suggestions: { progam: ["program"], libary: ["library"] },
        },
      });
      expect(failure.message).not.toContain("apart");
    });

    it("never become anything but names", async () => {
      for (const name of [
        "program.drvpath",
        "a.b.c",
        "..",
        "program;x",
        "$(id)",
        "--help",
        "''",
        `$${"{x}"}`,
        "a b",
      ]) {
        const { fault } = await resolve(tested, name);
        expect([name, fault]).toEqual([name, expect.stringMatching(/^package-unknown$|^build-failed$/)]);
      }
    });
  });

  describe("what cannot be evaluated or built", () => {
    it.each([
      ["notpackage", "notpackage", "it is a set"],
      ["text", "text", "it is a string"],
      ["throws", "throws", "this package was removed"],
      ["aborts", "aborts", "this package cannot be evaluated"],
      ["broken", "broken", ""],
      ["endless", "endless", ""],
      ["readshost", "readshost", "forbidden"],
      ["fails", "fails-1", "failed with exit code 3"],
      ["needsfailing", "fails-inside-1", "failed with exit code 4"],
    ])("%s names the package and the reason", async (name, named, reason) => {
      const failure = await resolve(tested, "apart", name);
      expect(failure.fault).toBe("build-failed");
      const { packages } = failure.detail as { packages: readonly { name: string; reason: string }[] };
      expect(packages.map((one) => one.name)).toEqual([named]);
      expect(packages[0]?.reason).toContain(reason);
      expect(JSON.stringify(failure)).not.toContain(folder.path);
    });

    it("keeps what was built, but no root", async () => {
      await resolve(tested, "apart", "fails");
      expect(await readdir(join(folder.path, "nix/store/nix/var/nix/gcroots/slipway"))).toEqual([]);
    });

    it("is stopped with its log when that is too long", async () => {
      await using bounded = await openNixSource(join(folder.path, "bounded"), { logBytes: 10_000 });
      const failure = await resolve(bounded, "noisy");
      expect(failure.fault).toBe("build-failed");
      expect(failure.message).toContain("killed after writing more than 10000 bytes");
    });

    it("is stopped when it takes too long, or says nothing for too long", async () => {
      const limits = [{ builderTimeoutSeconds: 1 }, { silentSeconds: 1 }];
      for (const limit of limits) {
        await using bounded = await openNixSource(join(folder.path, "nix"), limit);
        expect(await resolve(bounded, "stays")).toMatchObject({
          fault: "build-failed",
          message: expect.stringContaining("stays: its build took too long"),
        });
      }
    });

    it("is named when its evaluation does not end", async () => {
      await using bounded = await openNixSource(join(folder.path, "nix"), { evaluationSeconds: 1 });
      const failure = await resolve(bounded, "endlessfold");
      expect(failure.fault).toBe("build-failed");
      expect(failure.message).toContain("endlessfold");
      expect(failure.message).toContain("its evaluation took longer than 1 s");
    });

    it("is refused when the image would be too large", async () => {
      await using bounded = await openNixSource(join(folder.path, "nix"), { closurePaths: 2 });
      expect(await resolve(bounded, "program")).toMatchObject({
        fault: "build-failed",
        detail: { maxPaths: 2 },
      });
    });

    it("leaves no builder running when no caller is left", async () => {
      const marker = randomUUID();
      await using staying = await openNixSource(join(folder.path, "nix"), {
        arguments: { greeting: marker },
      });
      const abort = new AbortController();
      const request = staying.source.read(["stays"], parseTag("latest"), AMD64);
      const resolving = staying.source.resolve(request, stepContext(abort.signal));
      resolving.catch(() => {});
      await eventually(() => buildersWith(marker).then((pids) => pids.length > 0));
      abort.abort(new Error("gone"));
      await expect(resolving).rejects.toThrow("gone");
      await eventually(() => buildersWith(marker).then((pids) => pids.length === 0));
    });
  });

  it("is checked now and then, and has a new identity once it has changed", async () => {
    const set = join(folder.path, "changing");
    await cp(SMALL_SET, set, { recursive: true });
    const clock = new ManualClock();
    await using changing = await openNixSource(join(folder.path, "nix"), { path: set, clock });
    const request = changing.source.read(["apart"], parseTag("latest"), AMD64);
    const first = await changing.source.check(request);
    clock.pass(60_000);
    expect(await changing.source.check(request)).toBe(first);
    await writeFile(join(set, "more.nix"), "{ }");
    expect(await changing.source.check(request)).toBe(first);
    clock.pass(60_000);
    expect(await changing.source.check(request)).not.toBe(first);
  });

  it("can be grouped as Nixery does: a package with what only it needs", async () => {
    const request = tested.source.read(["program", "apart"], parseTag("latest"), AMD64);
    await using resolution = await tested.source.resolve(request, stepContext());
    const groups = nixeryPlan(NO_POPULARITY).plan(resolution.parts, 94);
    const labels = groups.map((group) => group.map(({ label }) => label).toSorted()).toSorted();
    expect(labels).toEqual([["apart-1.0"], ["everywhere-1"], ["library-2.1", "program-1.0"]]);
  });

  it("provides the facts for software lists, as far as they are declared", async () => {
    const request = tested.source.read(["licensed", "described", "program"], parseTag("latest"), AMD64);
    await using resolution = await tested.source.resolve(request, stepContext());
    const software = new Map(resolution.parts.map((part) => [part.bucket, part.software]));
    const licensed = {
      name: "licensed",
      version: "1.0",
      license: "MIT AND Zlib",
      homepage: "https://licensed.invalid",
    };
    expect(software.get("licensed")).toMatchObject(licensed);
    expect(software.get("licensed")?.purl).toStartWith("pkg:nix/licensed@1.0?path=%2Fnix%2Fstore%2F");
    expect(software.get("described")?.license).toBeUndefined();
    expect(software.get("library")).toMatchObject({ name: "library", version: "2.1" });
  });

  it("can bring popularity data of its own, for Nixery's grouping", async () => {
    await using popular = await openNixSource(join(folder.path, "nix"), { popularity: true });
    const request = popular.source.read(["program", "apart"], parseTag("latest"), AMD64);
    await using resolution = await popular.source.resolve(request, stepContext());
    const { popularity, parts } = resolution;
    const plan = await openChosenPlan({ plan: "nixery", popularity: "set" }, createLogger("silent"));
    const groups = plan.withPopularity?.(popularity ?? NO_POPULARITY).plan(parts, 94) ?? [];
    expect(groups).toHaveLength(4);
    expect(plan.plan(parts, 94)).toHaveLength(3);
  });

  it("gives other packages for other arguments", async () => {
    await using other = await openNixSource(join(folder.path, "nix"), {
      arguments: { greeting: "good morning" },
    });
    const request = tested.source.read(["apart"], parseTag("latest"), AMD64);
    await using one = await tested.source.resolve(request, stepContext());
    await using two = await other.source.resolve(request, stepContext());
    expect(two.parts.map(({ contentKey }) => contentKey)).not.toEqual(
      one.parts.map(({ contentKey }) => contentKey),
    );
  });

  it("has no tag but latest", async () => {
    const request = tested.source.read(["apart"], parseTag("v1"), AMD64);
    await expect(tested.source.check(request)).rejects.toMatchObject({ fault: "manifest-unknown" });
  });
});
