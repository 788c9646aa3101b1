import { expect } from "bun:test";
import type { MetadataStore } from "../../src/metadata/ports/metadata-store.ts";
import type { IndexedPackage } from "../../src/metadata/ports/package-index-ledger.ts";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";

/** Tests of every {@link PackageIndexLedger}. */
export const PACKAGE_INDEX_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "finds packages with all their fields, in both stores",
    async run({ store, other }) {
      const full = {
        ...sample("ripgrep", "Utility that combines the usability of ag with the speed of grep"),
        homepage: "https://example.org/ripgrep",
        license: "MIT, Unlicense",
        mainProgram: "rg",
      };
      await fill(store, "nix", "one", [full, sample("plain", "")]);
      expect(await other.packageIndex.findPackages("nix", "ripgrep", 20)).toEqual([
        { ...full, match: "name" },
      ]);
      expect(await other.packageIndex.findPackages("nix", "plain", 20)).toEqual([
        { ...sample("plain", ""), match: "name" },
      ]);
      expect(await namesOf(store, "RG")).toEqual(["ripgrep"]);
      expect(await namesOf(store, "absent")).toEqual([]);
      expect(await namesOf(store, "")).toEqual([]);
    },
  },
  {
    name: "ranks matches: the whole name, its beginning, inside the name, the description; each by name",
    async run({ store }) {
      await fill(store, "nix", "one", [
        sample("z-described", "does what GREP does"),
        sample("a-described", "not Grep"),
        sample("zgrep", "grep"),
        sample("agrep", ""),
        sample("grep-z", ""),
        sample("grep-a", ""),
        sample("grep", "prints lines"),
        sample("other", "something else"),
      ]);
      const found = await store.packageIndex.findPackages("nix", "gREP", 20);
      expect(found.map(({ name, match }) => `${name} ${match}`)).toEqual([
        "grep name",
        "grep-a prefix",
        "grep-z prefix",
        "agrep part",
        "zgrep part",
        "a-described description",
        "z-described description",
      ]);
      for (let limit = 1; limit < found.length; limit += 1) {
        expect(await store.packageIndex.findPackages("nix", "grep", limit)).toEqual(found.slice(0, limit));
      }
    },
  },
  {
    name: "matches the characters of a word literally, wildcards and backslashes too, in any letter case",
    async run({ store }) {
      const texts = [
        "50% less",
        "snake_case",
        "a\\b",
        'it\'s "quoted"',
        "ÄPFEL und Öl",
        "b[a-c]*d?",
        "百 tools",
      ];
      await fill(
        store,
        "nix",
        "one",
        texts.map((text, at) => sample(`p${at}`, text)),
      );
      const words = ["50%", "E_C", "\\", "'s \"", "äpfel UND ö", "[a-c]*", "百"];
      for (const [at, word] of words.entries()) expect(await namesOf(store, word)).toEqual([`p${at}`]);
      for (const word of ["%s", "5%s", "a_b", "_0", "a%b", "[b]", "und apfel"]) {
        expect(await namesOf(store, word)).toEqual([]);
      }
      // Each field is a separate line, so a word cannot span two of them.
      expect(await namesOf(store, "p0 50")).toEqual([]);
    },
  },
  {
    name: "searches an index of many pages to its end, and stops at the limit",
    async run({ store }) {
      const many = Array.from({ length: 1_203 }, (_, at) =>
        sample(`package-${String(at).padStart(5, "0")}`, at % 400 === 2 ? "a needle" : "hay"),
      );
      await fill(store, "nix", "one", many.toReversed());
      const needles = ["package-00002", "package-00402", "package-00802", "package-01202"];
      expect(await namesOf(store, "needle")).toEqual(needles);
      expect(await namesOf(store, "needle", 2)).toEqual(needles.slice(0, 2));
      expect(await namesOf(store, "01202")).toEqual(["package-01202"]);
      expect(await namesOf(store, "hay", 1_200)).toHaveLength(1_199);
      expect(await namesOf(store, "package", 100)).toEqual(many.slice(0, 100).map(({ name }) => name));
    },
  },
  {
    name: "searches the last complete index while another is written, and the new one once it is complete",
    async run({ store, other }) {
      expect(await store.packageIndex.findIndexedState("nix")).toBeUndefined();
      const first = await store.packageIndex.beginIndex("nix", "one");
      await store.packageIndex.addToIndex(first, [sample("old")]);
      expect(await other.packageIndex.findIndexedState("nix")).toBeUndefined();
      expect(await namesOf(other, "old")).toEqual([]);
      await store.packageIndex.completeIndex(first);
      const second = await store.packageIndex.beginIndex("nix", "two");
      await store.packageIndex.addToIndex(second, [sample("new")]);
      expect(await other.packageIndex.findIndexedState("nix")).toBe("one");
      expect(await namesOf(other, "old")).toEqual(["old"]);
      expect(await namesOf(other, "new")).toEqual([]);
      await store.packageIndex.completeIndex(second);
      expect(await other.packageIndex.findIndexedState("nix")).toBe("two");
      expect(await namesOf(other, "old")).toEqual([]);
      expect(await namesOf(other, "new")).toEqual(["new"]);
    },
  },
  {
    name: "keeps the two newest indexes of each source, and makes a kept one current again",
    async run({ store, other }) {
      await fill(store, "apt", "one", [sample("apart")]);
      for (const state of ["one", "two", "three"]) await fill(store, "nix", state, [sample(`of-${state}`)]);
      expect(await other.packageIndex.restoreIndex("nix", "one")).toBe(false);
      expect(await other.packageIndex.restoreIndex("apt", "two")).toBe(false);
      expect(await namesOf(store, "of")).toEqual(["of-three"]);
      expect(await other.packageIndex.restoreIndex("nix", "two")).toBe(true);
      expect(await store.packageIndex.findIndexedState("nix")).toBe("two");
      expect(await namesOf(store, "of")).toEqual(["of-two"]);
      await fill(other, "nix", "four", [sample("of-four")]);
      expect(await store.packageIndex.restoreIndex("nix", "three")).toBe(false);
      expect(await store.packageIndex.restoreIndex("nix", "two")).toBe(true);
      expect((await store.packageIndex.findPackages("apt", "apart", 20)).map(({ name }) => name)).toEqual([
        "apart",
      ]);
    },
  },
  {
    name: "replaces an index of the same state, and keeps the one before",
    async run({ store, other }) {
      for (const state of ["one", "two"]) await fill(store, "nix", state, [sample(`of-${state}`)]);
      await fill(other, "nix", "two", [sample("of-two-again")]);
      expect(await namesOf(store, "of")).toEqual(["of-two-again"]);
      expect(await store.packageIndex.restoreIndex("nix", "one")).toBe(true);
      expect(await namesOf(store, "of")).toEqual(["of-one"]);
    },
  },
  {
    name: "adds nothing to an index, and never completes it, after another one of the source was begun",
    async run({ store, other }) {
      const abandoned = await store.packageIndex.beginIndex("nix", "one");
      await store.packageIndex.addToIndex(abandoned, [sample("abandoned")]);
      const elsewhere = await store.packageIndex.beginIndex("apt", "one");
      const begun = await other.packageIndex.beginIndex("nix", "one");
      await expect(store.packageIndex.addToIndex(abandoned, [sample("late")])).rejects.toThrow("was removed");
      await expect(store.packageIndex.completeIndex(abandoned)).rejects.toThrow("was removed");
      await store.packageIndex.completeIndex(elsewhere);
      await other.packageIndex.addToIndex(begun, [sample("begun")]);
      await other.packageIndex.completeIndex(begun);
      await expect(other.packageIndex.completeIndex(begun)).rejects.toThrow("was removed");
      expect(await namesOf(store, "b")).toEqual(["begun"]);
    },
  },
  {
    name: "keeps the first of several packages of one name, in one call or several",
    async run({ store }) {
      const id = await store.packageIndex.beginIndex("nix", "one");
      await store.packageIndex.addToIndex(id, [sample("same", "first"), sample("same", "second")]);
      await store.packageIndex.addToIndex(id, [sample("same", "third")]);
      await store.packageIndex.addToIndex(id, []);
      await store.packageIndex.completeIndex(id);
      expect(await store.packageIndex.findPackages("nix", "same", 20)).toEqual([
        { ...sample("same", "first"), match: "name" },
      ]);
    },
  },
];

function sample(name: string, description = `what ${name} is`): IndexedPackage {
  return { name, version: "1.0", description };
}

/** Writes a whole index. */
async function fill(
  store: MetadataStore,
  source: string,
  state: string,
  packages: readonly IndexedPackage[],
): Promise<void> {
  const id = await store.packageIndex.beginIndex(source, state);
  await store.packageIndex.addToIndex(id, packages);
  await store.packageIndex.completeIndex(id);
}

async function namesOf(store: MetadataStore, word: string, limit = 20): Promise<readonly string[]> {
  return (await store.packageIndex.findPackages("nix", word, limit)).map(({ name }) => name);
}
