import type { ByteSource } from "../../bytes/byte-source.ts";
import type { IndexedPackage } from "../../metadata/ports/package-index-ledger.ts";
import type { CatalogSnapshot, PackageCatalog } from "../package-catalog.ts";
import { writeAptName } from "./apt-name.ts";
import type { AptWorkspace } from "./apt-workspace.ts";
import type { PackageLists } from "./package-lists.ts";

/** Change this when the same lists would give other packages. */
const FORMAT = "apt-1";
/** Far longer than a stanza of any package. */
const MAX_STANZA_LENGTH = 1 << 20;

/**
 * The packages in the lists of one architecture, each in the version that apt would install.
 *
 * Downloads lists only in {@link refresh}. Until then, it reads the lists that builds have downloaded.
 */
export class AptCatalog implements PackageCatalog {
  readonly #workspace: AptWorkspace;
  readonly #lists: PackageLists;
  readonly #architecture: string;

  constructor(workspace: AptWorkspace, lists: PackageLists, architecture: string) {
    this.#workspace = workspace;
    this.#lists = lists;
    this.#architecture = architecture;
  }

  /** @throws {RegistryError} what {@link PackageLists.current} throws */
  async refresh(signal: AbortSignal): Promise<void> {
    await this.#lists.current(signal);
  }

  async current(): Promise<CatalogSnapshot | undefined> {
    const state = await this.#workspace.listsState();
    if (state === undefined) return undefined;
    return { state: `${FORMAT} ${state}`, packages: (signal) => this.#packages(state, signal) };
  }

  async *#packages(state: string, signal: AbortSignal): AsyncGenerator<readonly IndexedPackage[]> {
    const stanzas = this.#workspace.stream(["apt-cache", "dumpavail"], signal);
    // A repository may list several architectures in one file.
    yield* parseAvailable(stanzas, new Set(["all", this.#architecture]));
    if ((await this.#workspace.listsState()) !== state) {
      throw new Error("the package lists changed while they were read");
    }
  }
}

/** The packages of a stream of stanzas, one batch per chunk. Holds one stanza and one chunk in memory. */
async function* parseAvailable(
  source: ByteSource,
  architectures: ReadonlySet<string>,
): AsyncGenerator<readonly IndexedPackage[]> {
  const parse = (stanza: string) => parsePackage(stanza, architectures);
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of source) {
    const stanzas = (pending + decoder.decode(chunk, { stream: true })).split("\n\n");
    pending = stanzas.pop() ?? "";
    if (pending.length > MAX_STANZA_LENGTH) throw new Error("a stanza in the package lists is too long");
    yield stanzas.flatMap(parse);
  }
  yield parse(pending);
}

/**
 * A list with the package; empty if it has another architecture.
 *
 * @throws {Error} if it has no name or version
 */
function parsePackage(stanza: string, architectures: ReadonlySet<string>): readonly IndexedPackage[] {
  const field = (name: string) => new RegExp(`^${name}: *(.+)$`, "m").exec(stanza)?.[1];
  const [name, version, homepage] = [field("Package"), field("Version"), field("Homepage")];
  if (stanza.trim() === "") return [];
  if (name === undefined || version === undefined)
    throw new Error(`a stanza in the package lists has no name or no version: ${stanza.slice(0, 200)}`);
  if (!architectures.has(field("Architecture") ?? "all")) return [];
  const description = field("Description") ?? "";
  return [{ name: writeAptName(name), version, description, ...(homepage !== undefined && { homepage }) }];
}
