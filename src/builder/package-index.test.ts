import { expect, it } from "bun:test";
import type { TestPackage } from "../../test/support/debian-repository.ts";
import { describeWith } from "../../test/support/requirements.ts";
import { HAS_APT, openSearchable } from "../../test/support/searchable-packages.ts";
import type { PackageIndex } from "./package-index.ts";

/** A safety net. */
const LONG_MS = 120_000;
const REFRESH = { signal: new AbortController().signal, refresh: true };

function described(name: string, text: string): TestPackage {
  return { name, fields: { Description: text } };
}

async function found(index: PackageIndex, word: string, limit?: number): Promise<readonly string[]> {
  const packages = await index.search({ word, ...(limit !== undefined && { limit }) });
  return packages.map(({ source, name, match }) => `${source}/${name} ${match}`);
}

describeWith("a package index", HAS_APT, "no apt", () => {
  it(
    "finds the packages of all sources, the best matches first, or of some of them",
    async () => {
      await using searchable = await openSearchable();
      const [one, other] = [await searchable.addSource("one"), await searchable.addSource("other")];
      await one.repository.publish([
        described("curl", ""),
        described("zcurl", ""),
        described("aria2", "as Curl"),
      ]);
      await other.repository.publish([
        described("curl", ""),
        described("acurl", ""),
        described("curlftpfs", ""),
      ]);
      const index = await searchable.open(one.source, other.source);
      expect(index.sources.map(({ name }) => name)).toEqual(["one", "other"]);
      expect(await index.update("one", REFRESH)).toEqual({ outcome: "written", packageCount: 3 });
      expect([await index.isIndexed("one"), await index.isIndexed("other")]).toEqual([true, false]);
      await index.update("other", REFRESH);
      const all = [
        ...["one/curl name", "other/curl name", "other/curlftpfs prefix"],
        ...["other/acurl part", "one/zcurl part", "one/aria2 description"],
      ];
      expect(await found(index, " cURL ")).toEqual(all);
      expect(await found(index, "curl", 4)).toEqual(all.slice(0, 4));
      const packages = await index.search({ word: "curl", sources: ["other", "none"] });
      expect(packages.map(({ name }) => name)).toEqual(["curl", "curlftpfs", "acurl"]);
      expect(await found(index, " ")).toEqual([]);
      expect(await found(index, "curl".repeat(1_000))).toEqual([]);
    },
    LONG_MS,
  );

  it(
    "never gives more than a hundred packages, nor text that a terminal obeys or that is long",
    async () => {
      await using searchable = await openSearchable();
      const one = await searchable.addSource("one");
      const many = Array.from({ length: 120 }, (_, at) => described(`many${at}`, ""));
      const odd = described("odd", `a\u001b[31m\t tail\u0007 ${"x".repeat(9_000)}`);
      await one.repository.publish([...many, odd, described("Upper", "")]);
      const index = await searchable.open(one.source);
      await index.update("one", REFRESH);
      expect(await found(index, "many", 1_000)).toHaveLength(100);
      expect(await found(index, "many", -1)).toHaveLength(1);
      const [shown] = await index.search({ word: "odd" });
      expect(shown?.description).toMatch(/^a \[31m tail x+$/);
      expect(shown?.description.length).toBe(500);
      expect(await found(index, "upper")).toEqual([]);
    },
    LONG_MS,
  );

  it(
    "answers from the last complete index while it reads, and keeps that one if reading fails or is stopped",
    async () => {
      await using searchable = await openSearchable();
      const one = await searchable.addSource("one");
      await one.repository.publish([described("old", "")]);
      const index = await searchable.open(one.source);
      await index.update("one", REFRESH);
      await one.repository.publish([described("new", "")]);
      one.beforeReading = () => Promise.reject(new Error("cannot be read"));
      await expect(index.update("one", REFRESH)).rejects.toThrow("cannot be read");
      const [reading, gate, stop] = [
        Promise.withResolvers<void>(),
        Promise.withResolvers<void>(),
        new AbortController(),
      ];
      one.beforeReading = () => {
        reading.resolve();
        return gate.promise;
      };
      const update = index.update("one", { signal: stop.signal, refresh: true });
      await reading.promise;
      expect(await found(index, "old")).toEqual(["one/old name"]);
      expect(await found(index, "new")).toEqual([]);
      const reason = new Error("nobody waits");
      stop.abort(reason);
      gate.resolve();
      await expect(update).rejects.toBe(reason);
      expect(await found(index, "old")).toEqual(["one/old name"]);
      expect((await index.update("one", REFRESH)).outcome).toBe("written");
      expect(await found(index, "old")).toEqual([]);
      expect(await found(index, "new")).toEqual(["one/new name"]);
    },
    LONG_MS,
  );

  it(
    "reads a state once, however many instances ask for it at the same time, and not again when it comes back",
    async () => {
      await using searchable = await openSearchable();
      const one = await searchable.addSource("one");
      await one.repository.publish([described("first", "")]);
      const instances = await Promise.all([1, 2, 3].map(() => searchable.open(one.source)));
      const [index] = instances;
      if (index === undefined) throw new Error("instances were asked for");
      const updateAll = () => Promise.all(instances.map((each) => each.update("one", REFRESH)));
      expect(await index.update("one", { ...REFRESH, refresh: false })).toEqual({ outcome: "absent" });
      const outcomes = (await updateAll()).map(({ outcome }) => outcome);
      expect(outcomes.toSorted()).toEqual(["unchanged", "unchanged", "written"]);
      expect(one.reads()).toBe(1);
      await one.repository.publish([described("second", "")]);
      await updateAll();
      expect(await found(index, "second")).toEqual(["one/second name"]);
      await one.repository.publish([described("first", "")]);
      await updateAll();
      expect(await found(index, "first")).toEqual(["one/first name"]);
      expect(one.reads()).toBe(2);
    },
    LONG_MS,
  );

  it(
    "leaves the index to an instance that knows other packages, as long as its own are the same",
    async () => {
      await using searchable = await openSearchable();
      // Two hosts with the same source and different lists.
      const [here, there] = [await searchable.addSource("one"), await searchable.addSource("two")];
      await here.repository.publish([described("here", "")]);
      await there.repository.publish([described("there", "")]);
      const index = await searchable.open(here.source);
      const other = await searchable.open({ ...there.source, name: "one" });
      await index.update("one", REFRESH);
      await other.update("one", REFRESH);
      for (const each of [index, other])
        expect((await each.update("one", REFRESH)).outcome).toBe("unchanged");
      expect(await found(index, "here")).toEqual(["one/there part"]);
      await here.repository.publish([described("here-too", "")]);
      expect((await index.update("one", REFRESH)).outcome).toBe("written");
      expect(await found(other, "here")).toEqual(["one/here-too prefix"]);
    },
    LONG_MS,
  );
});
