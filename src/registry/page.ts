import { WorkSlices } from "../concurrency/work-slices.ts";

/** Approximate limit of the entries of one page, in bytes. A page has at least one entry, however long. */
export const MAX_PAGE_BYTES = 256 * 1024;

/** Entries to read at a time. */
const BATCH = 1000;
/** Bytes of an entry in JSON besides its text: quotes and comma. */
const ENTRY_OVERHEAD_BYTES = 3;

/** A page of a list. */
export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** Whether more entries follow. */
  readonly more: boolean;
}

/** How to make a page of names, which are ASCII. */
export interface NamePage<Name extends string> {
  /** The name after which the page begins. */
  readonly after: string | undefined;
  /** Maximum names in the page. */
  readonly limit: number;
  /** Reads at most `limit` names after `after`, in order. */
  readonly list: (after: string | undefined, limit: number) => Promise<readonly Name[]>;
  /** Whether to include a name. */
  readonly accepts?: (name: Name) => boolean;
}

/** Collects a page of names, limited in entries and in bytes, without blocking other requests for long. */
export async function collectPage<Name extends string>(page: NamePage<Name>): Promise<Page<Name>> {
  const { limit, list, accepts = () => true } = page;
  const slices = new WorkSlices();
  const entries: Name[] = [];
  let bytes = 0;
  for (let after = page.after; ; ) {
    // One more than needed, to know whether more follow.
    const wanted = Math.min(BATCH, limit - entries.length + 1);
    const names = await list(after, wanted);
    for (const name of names) {
      if (!accepts(name)) continue;
      bytes += name.length + ENTRY_OVERHEAD_BYTES;
      if (entries.length === limit || (bytes > MAX_PAGE_BYTES && entries.length > 0)) {
        return { entries, more: true };
      }
      entries.push(name);
    }
    if (names.length < wanted) return { entries, more: false };
    after = names.at(-1);
    await slices.pause();
  }
}
