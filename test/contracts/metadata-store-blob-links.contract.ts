import { expect } from "bun:test";
import type { ContractCase, MetadataStores } from "./metadata-store-samples.ts";
import {
  ELSEWHERE,
  linkSample,
  pushSample,
  REPOSITORY,
  repositoryName,
  sampleBlob,
  sampleDigest,
} from "./metadata-store-samples.ts";

/** Tests of every {@link BlobLinks}. */
export const BLOB_LINK_CASES: readonly ContractCase<MetadataStores>[] = [
  {
    name: "finds a linked blob with its size, in the repository that links it and in no other",
    async run({ store }) {
      const digest = await linkSample(store, "a");
      expect(await store.links.findLinkedBlob(REPOSITORY, digest)).toEqual(sampleBlob("a"));
      expect(await store.links.findLinkedBlob(ELSEWHERE, digest)).toBeUndefined();
      expect(await store.links.findLinkedBlob(REPOSITORY, sampleDigest("b"))).toBeUndefined();
    },
  },
  {
    name: "finds a blob by each digest it is linked under, and answers with the canonical one",
    async run({ store }) {
      const blob = sampleBlob("a");
      const sha512 = sampleDigest("a", "sha512");
      await store.links.linkBlob(REPOSITORY, blob, [blob.digest, sha512]);
      await store.links.linkBlob(ELSEWHERE, blob, [sha512]);
      expect(await store.links.findLinkedBlob(REPOSITORY, sha512)).toEqual(blob);
      expect(await store.links.findLinkedBlob(REPOSITORY, blob.digest)).toEqual(blob);
      expect(await store.links.findLinkedBlob(ELSEWHERE, sha512)).toEqual(blob);
      expect(await store.links.findLinkedBlob(ELSEWHERE, blob.digest)).toBeUndefined();
    },
  },
  {
    name: "keeps the size of a blob beyond 32 bits",
    async run({ store }) {
      const blob = { digest: sampleDigest("huge"), size: 5_000_000_000_000 };
      await store.links.linkBlob(REPOSITORY, blob, [blob.digest]);
      expect(await store.links.findLinkedBlob(REPOSITORY, blob.digest)).toEqual(blob);
    },
  },
  {
    name: "changes nothing when the same blob is linked again",
    async run({ store }) {
      await linkSample(store, "a");
      const digest = await linkSample(store, "a");
      expect(await store.links.findLinkedBlob(REPOSITORY, digest)).toEqual(sampleBlob("a"));
      expect(await store.links.unlinkBlob(REPOSITORY, digest)).toBe(true);
      expect(await store.links.findLinkedBlob(REPOSITORY, digest)).toBeUndefined();
    },
  },
  {
    name: "removes a link under all its digests, by any of them, and only in its repository",
    async run({ store }) {
      const blob = sampleBlob("a");
      const sha512 = sampleDigest("a", "sha512");
      await store.links.linkBlob(REPOSITORY, blob, [blob.digest, sha512]);
      await store.links.linkBlob(ELSEWHERE, blob, [blob.digest, sha512]);
      expect(await store.links.unlinkBlob(REPOSITORY, sha512)).toBe(true);
      expect(await store.links.findLinkedBlob(REPOSITORY, blob.digest)).toBeUndefined();
      expect(await store.links.findLinkedBlob(REPOSITORY, sha512)).toBeUndefined();
      expect(await store.links.findLinkedBlob(ELSEWHERE, sha512)).toEqual(blob);
      expect(await store.links.unlinkBlob(REPOSITORY, blob.digest)).toBe(false);
    },
  },
  {
    name: "does not find a manifest as a blob",
    async run({ store }) {
      const manifest = await pushSample(store, "a");
      expect(await store.links.findLinkedBlob(REPOSITORY, manifest.digest)).toBeUndefined();
      expect(await store.links.unlinkBlob(REPOSITORY, manifest.digest)).toBe(false);
    },
  },
  {
    name: "returns false for an unlink in an unknown repository, and does not create it",
    async run({ store }) {
      expect(await store.links.unlinkBlob(REPOSITORY, sampleDigest("a"))).toBe(false);
      expect(await store.listings.listTags(REPOSITORY, { limit: 1 })).toBeUndefined();
    },
  },
  {
    name: "lists the repositories that link a digest in pages of ascending byte order",
    async run({ store }) {
      // In byte order, `-` and `.` precede `/`, which precedes digits and letters. The order of a language differs.
      const names = ["a-b", "a.b", "a/b", "a/b-c", "a0", "a_b", "ab", "b"].map(repositoryName);
      for (const name of names.toReversed()) await linkSample(store, "a", name);
      await linkSample(store, "b", repositoryName("a"));
      const digest = sampleDigest("a");
      expect(await store.links.listRepositoriesLinking(digest, { limit: 3 })).toEqual(names.slice(0, 3));
      const after = repositoryName("a/b");
      expect(await store.links.listRepositoriesLinking(digest, { limit: 100, after })).toEqual(
        names.slice(3),
      );
      expect(await store.links.listRepositoriesLinking(sampleDigest("c"), { limit: 100 })).toEqual([]);
    },
  },
  {
    name: "shows the changes of one instance to another at once",
    async run({ store, other }) {
      const digest = await linkSample(store, "a");
      expect(await other.links.findLinkedBlob(REPOSITORY, digest)).toEqual(sampleBlob("a"));
      await other.links.unlinkBlob(REPOSITORY, digest);
      expect(await store.links.findLinkedBlob(REPOSITORY, digest)).toBeUndefined();
    },
  },
  {
    name: "numbers the unlinks of all instances one by one, by canonical digest, whichever digest was unlinked",
    async run({ store, other }) {
      expect(await store.unlinks.latestUnlink()).toBe(0);
      const blob = sampleBlob("a");
      const sha512 = sampleDigest("a", "sha512");
      await store.links.linkBlob(REPOSITORY, blob, [blob.digest, sha512]);
      const second = await linkSample(store, "b");
      await other.links.unlinkBlob(REPOSITORY, sha512);
      await store.links.unlinkBlob(REPOSITORY, sha512);
      await store.links.unlinkBlob(REPOSITORY, second);
      expect(await store.unlinks.latestUnlink()).toBe(2);
      const unlinks = [
        { number: 1, repository: REPOSITORY, digest: blob.digest },
        { number: 2, repository: REPOSITORY, digest: second },
      ];
      expect(await other.unlinks.listUnlinks(0, 10)).toEqual(unlinks);
      expect(await other.unlinks.listUnlinks(1, 10)).toEqual(unlinks.slice(1));
      expect(await other.unlinks.listUnlinks(0, 1)).toEqual(unlinks.slice(0, 1));
    },
  },
];
