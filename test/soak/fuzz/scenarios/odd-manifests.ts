import { join } from "node:path";
import { MediaType } from "../../../../src/oci/media-types.ts";
import { ClientTools, isInstalled } from "../../../gate/clients/client-program.ts";
import { MANIFEST_READERS, type ManifestReader } from "../../../gate/clients/manifest-readers.ts";
import type { Random } from "../../../support/random.ts";
import type { RegistryClient, TestDescriptor } from "../../../support/registry-client.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import type { Scenario } from "./scenario.ts";

/** Accepted manifests in a round; reading one takes a client a tenth of a second. */
const ACCEPTED = 3;
const DRAWN_AT_MOST = 200;

/** Draws manifests of odd members. What the registry accepts, every real client can read and copy. */
export const oddManifestsScenario: Scenario = {
  name: "odd manifests",
  async run({ url, client, random, repository }) {
    const readers = MANIFEST_READERS.filter(({ name }) => isInstalled(name));
    if (readers.length === 0) return ["none of the clients that read manifests is installed"];
    await using folder = await temporaryFolder("odd-manifests");
    const host = url.replace("http://", "");
    const tools = new ClientTools(folder.path, host);
    await tools.prepare();
    const parts = await pushParts(client, random, repository);
    const problems: string[] = [];
    let accepted = 0;
    for (let drawn = 0; drawn < DRAWN_AT_MOST && accepted < ACCEPTED && problems.length === 0; drawn++) {
      const { text, mediaType } = drawManifest(random, parts);
      const tag = `v${drawn}`;
      const { status } = await client.putManifest(repository, tag, text, mediaType);
      if (status >= 500) problems.push(`answered ${status}: ${text}`);
      if (status !== 201) continue;
      accepted += 1;
      const reference = `${host}/${repository}`;
      for (const reader of readers)
        problems.push(
          ...(await readProblems(tools, reader, `${reference}:${tag}`, `${reference}/copies:${tag}`, text)),
        );
    }
    return problems;
  },
};

async function readProblems(
  tools: ClientTools,
  { name, read, copy }: ManifestReader,
  reference: string,
  copies: string,
  text: string,
): Promise<readonly string[]> {
  const of = (what: string) => [`${name} ${what}: ${text}`];
  try {
    if ((await tools.run(name, ...read(reference))).trim() !== text.trim()) return of("reads other bytes");
    const to = join(tools.folder, `${name}-${reference.replaceAll(/\W/g, "-")}`);
    await tools.run(name, ...copy(reference, to, copies));
    return [];
  } catch (error) {
    return of(`fails with ${(error as Error).message}`);
  }
}

/** What manifests name; all of it is in the repository. */
interface Parts {
  readonly config: TestDescriptor;
  readonly layers: readonly TestDescriptor[];
  readonly images: readonly TestDescriptor[];
}

async function pushParts(client: RegistryClient, random: Random, repository: string): Promise<Parts> {
  const layers: TestDescriptor[] = [];
  for (let i = 0; i < 2; i++)
    layers.push(
      await client.pushBlob(repository, random.bytes(20 + random.below(50)), MediaType.ociLayerGzip),
    );
  const image = {
    os: "linux",
    architecture: "amd64",
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
  };
  const config = await client.pushBlob(repository, JSON.stringify(image), MediaType.ociConfig);
  const manifest = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers };
  const images = [
    await client.pushManifest(repository, manifest),
    await client.pushManifest(repository, { ...manifest, annotations: { second: "yes" } }),
  ];
  return { config, layers, images };
}

/** Values for members that may be anything, or nothing. */
const VALUES: readonly unknown[] = [
  null,
  "",
  "x",
  0,
  1.5,
  true,
  [],
  {},
  [""],
  [null],
  { a: "b" },
  { a: null },
  { "": "" },
];
const MAPS: readonly unknown[] = [
  null,
  {},
  { a: "b" },
  { __proto__x: "y", "": "" },
  { a: null },
  { a: 1 },
  ["a"],
  "a",
];
const PLATFORMS: readonly unknown[] = [
  null,
  {},
  { os: "", architecture: "" },
  { os: "linux", architecture: "arm64", variant: "v8" },
  { os: "linux", architecture: "arm64", variant: null, "os.features": null },
  { os: "linux", architecture: "arm64", "os.features": ["a"], more: { deep: [1] } },
  { os: "linux", architecture: 5 },
  { os: "linux", OS: "windows", architecture: "amd64" },
];
const TEXTS: readonly unknown[] = [
  null,
  "",
  "x/y",
  "application/vnd.example+json; version=1",
  "no type",
  5,
  [],
];

/** With a small chance each, members that writers may leave out. */
function drawMembers(random: Random, pools: Readonly<Record<string, readonly unknown[]>>): object {
  const chosen = Object.entries(pools).filter(() => random.oneIn(5));
  return Object.fromEntries(chosen.map(([name, pool]) => [name, random.pick(pool)]));
}

function drawDescriptor(random: Random, descriptor: TestDescriptor): object {
  const members = drawMembers(random, {
    annotations: MAPS,
    artifactType: TEXTS,
    data: [null, "", "AA==", "not base64", 5],
    platform: PLATFORMS,
    unknown: VALUES,
    urls: [null, [], [""], ["https://example.com/a b"], "x", [null]],
  });
  return { ...descriptor, ...members };
}

function drawManifest(random: Random, parts: Parts): { readonly text: string; readonly mediaType: string } {
  const isIndex = random.oneIn(3);
  const mediaType = isIndex ? MediaType.ociIndex : MediaType.ociManifest;
  const list = (all: readonly TestDescriptor[]) =>
    random.oneIn(8) ? random.pick([null, []]) : all.map((each) => drawDescriptor(random, each));
  const content = isIndex
    ? { manifests: list(parts.images) }
    : { config: drawDescriptor(random, parts.config), layers: list(parts.layers) };
  const members = drawMembers(random, {
    annotations: MAPS,
    artifactType: TEXTS,
    mediaType: [null, mediaType, "", "x/y"],
    subject: [null, parts.images[0], { ...parts.images[0], annotations: null }, {}, "x"],
    unknown: VALUES,
  });
  const manifest = { schemaVersion: 2, mediaType, ...content, ...members };
  return { text: withOddNumbers(random, JSON.stringify(manifest)), mediaType };
}

/** The same JSON with one number written in another way, now and then. */
function withOddNumbers(random: Random, text: string): string {
  if (!random.oneIn(6)) return text;
  const numbers = [...text.matchAll(/(?<="(?:size|schemaVersion)":)\d+/g)];
  const { index, 0: number } = random.pick(numbers);
  const written = random.pick([
    `${number}.0`,
    `${number}e0`,
    `"${number}"`,
    `-${number}`,
    `${number}0`,
    "null",
  ]);
  return text.slice(0, index) + written + text.slice(index + number.length);
}
