import type { StreamedEntry } from "../archive/tar-reader.ts";
import type { StepContext } from "../package-source.ts";

/** Reads the content of package files. */
export interface PackageFiles {
  /**
   * Calls `visit` for each of the packages, one after the other, with the entries of its content.
   *
   * @throws {RegistryError} `build-failed`, `build-unavailable`, `storage-full`
   */
  read(
    names: readonly string[],
    visit: (name: string, entries: AsyncIterable<StreamedEntry>) => Promise<void>,
    context: StepContext,
  ): Promise<void>;
}
