import { archiveOf } from "../../archive/archive-writer.ts";
import { addDevices } from "../../archive/devices.ts";
import { type LayerEntry, LayerTree } from "../../archive/layer-tree.ts";
import type { LayerContent } from "../../package-source.ts";
import type { EvaluatedPackage } from "../evaluation/evaluation.ts";
import type { StorePathInfo } from "../store/nix-store.ts";
import type { TreeEntry } from "../store/read-tree.ts";
import { type LinkCollision, linkTree } from "./link-tree.ts";
import type { LinkEntry } from "./output-links.ts";

/** The outputs from which the layer of links is made. */
export interface LinkedOutputs {
  /** The outputs whose files are linked. */
  readonly outputs: readonly EvaluatedPackage[];
  readonly closure: readonly StorePathInfo[];
}

/** Where the layer gets the files of outputs, and where it reports collisions. */
export interface LinkSource {
  /** The trees of store paths. */
  readonly trees: (paths: readonly string[]) => Promise<ReadonlyMap<string, readonly TreeEntry[]>>;
  readonly onCollisions: (collisions: readonly LinkCollision[]) => void;
}

/** The time that Nix gives all files in a store. */
const MODIFIED_AT = new Date(1_000);

const FOLDERS: readonly (readonly [path: string, mode: number])[] = [
  ["tmp", 0o1777],
  ["var/tmp", 0o1777],
  ["root", 0o700],
  ["run", 0o755],
  ["home", 0o755],
];

const FILES: Readonly<Record<string, string>> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
};

const CERTIFICATES = "etc/ssl/certs/ca-certificates.crt";
/** Where packages keep the certificates. */
const BUNDLES = ["etc/ssl/certs/ca-bundle.crt", CERTIFICATES];

/** Everything that the bytes of the layer depend on. */
export function linkLayerInputs({ outputs, closure }: LinkedOutputs): readonly string[] {
  const hashes = new Map(closure.map(({ path, narHash }) => [path, narHash]));
  const linked = outputs.map(({ path, priority, attribute }) =>
    JSON.stringify([path, hashes.get(path) ?? "", priority, attribute]),
  );
  return ["links", ...linked.toSorted(), envOf(closure) ?? ""];
}

/**
 * The layer that puts packages where programs look for them: `/bin/git` is a link to the file in the store. It also has
 * what no package contains: accounts, folders, the certificates' usual name, `/bin/sh` and `/usr/bin/env`.
 */
export function createLinkLayer(links: LinkedOutputs, source: LinkSource): LayerContent {
  return {
    archive: archiveOf(async (archive) => {
      const tree = new LayerTree(archive);
      const { entries, collisions } = linkTree(await readOutputs(links, source));
      if (collisions.length > 0) source.onCollisions(collisions);
      for (const entry of entries) await tree.add(archiveEntry(entry));
      const taken = new Set(entries.map(({ path }) => path));
      for (const [path, mode] of FOLDERS) await tree.addFolder(path, mode, MODIFIED_AT);
      for (const [path, text] of Object.entries(FILES)) {
        await tree.addFile(path, new TextEncoder().encode(text), MODIFIED_AT);
      }
      await addDevices(tree, MODIFIED_AT);
      for (const [path, target] of usualLinks(links, taken)) await tree.addLink(path, target, MODIFIED_AT);
    }),
    facts: () => "[]",
  };
}

async function readOutputs({ outputs }: LinkedOutputs, { trees }: LinkSource) {
  const unique = new Map(outputs.map((output) => [output.path, output]));
  const found = await trees([...unique.keys()]);
  return [...unique.values()].map(({ path, attribute, priority }) => ({
    storePath: path,
    name: attribute,
    priority,
    tree: found.get(path) ?? [],
  }));
}

/** Links that programs expect, unless the path is already taken. */
function usualLinks(
  { closure }: LinkedOutputs,
  taken: ReadonlySet<string>,
): readonly (readonly [path: string, target: string])[] {
  const env = envOf(closure);
  const bundle = BUNDLES.find((path) => taken.has(path));
  return [
    ...(bundle === undefined ? [] : [[CERTIFICATES, `/${bundle}`] as const]),
    ...(taken.has("bin/bash") ? [["bin/sh", "bash"] as const] : []),
    ...(env === undefined ? [] : [["usr/bin/env", env] as const]),
  ];
}

/** The path of `env` in the closure's own coreutils; a link to another coreutils would dangle. */
function envOf(closure: readonly StorePathInfo[]): string | undefined {
  const coreutils = closure.find(({ path }) => /^\/nix\/store\/[^-]+-coreutils(?:-full)?-\d/.test(path));
  return coreutils === undefined ? undefined : `${coreutils.path}/bin/env`;
}

function archiveEntry(entry: LinkEntry): LayerEntry {
  const common = { path: entry.path, userId: 0, groupId: 0, modifiedAt: MODIFIED_AT };
  if (entry.kind === "directory") return { ...common, type: "directory", mode: 0o755 };
  return { ...common, type: "symlink", mode: 0o777, linkTarget: entry.target };
}
