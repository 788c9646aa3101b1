import { MediaType } from "../../../src/oci/media-types.ts";
import type { TestDescriptor } from "../../support/registry-client.ts";

/** A manifest that the registry accepts, although few programs write one like it. */
export interface OddManifest {
  readonly name: string;
  readonly mediaType: string;
  readonly text: string;
  /** Clients that cannot copy it, and what they say. All of them can read its bytes. */
  readonly cannotCopy?: Readonly<Record<string, RegExp>>;
}

/** The parts that {@link oddManifests} puts together; all of them are in the repository. */
export interface OddParts {
  readonly config: TestDescriptor;
  /** The config's bytes. */
  readonly configBytes: Uint8Array;
  readonly layers: readonly TestDescriptor[];
  /** An image of this config and these layers. */
  readonly image: TestDescriptor;
  /** An index of this image. */
  readonly index: TestDescriptor;
  readonly platform: { readonly os: string; readonly architecture: string };
}

/** One manifest for each freedom that the registry leaves to whoever writes manifests. */
export function oddManifests(parts: OddParts): readonly OddManifest[] {
  return [...oddImages(parts), ...oddIndexes(parts), ...dockerManifests(parts)];
}

/** Members that Go writes for what is not set. */
const NULLS = { annotations: null, urls: null, data: null, platform: null, artifactType: null };

function oddImages({ config, configBytes, layers, image: subject }: OddParts): readonly OddManifest[] {
  const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers };
  const each = (more: object) => layers.map((layer) => ({ ...layer, ...more }));
  const plain = JSON.stringify(image);
  const of = (name: string, manifest: object) => odd(name, MediaType.ociManifest, JSON.stringify(manifest));
  const withText = (members: string) => plain.replace("{", `{${members},`);
  return [
    of("an image without a media type", { ...image, mediaType: undefined }),
    of("an image without layers", { ...image, layers: undefined }),
    of("an image with no layers", { ...image, layers: [] }),
    of("an image with null for its layers", { ...image, layers: null }),
    of("an image with the same layer twice", { ...image, layers: [layers[0], layers[0]] }),
    of("null in descriptors and as annotations", { ...image, annotations: null, layers: each(NULLS) }),
    of("null in every optional member", {
      ...image,
      ...{ mediaType: null, artifactType: null, subject: null, annotations: null, manifests: null },
    }),
    of("an empty platform and an empty type", {
      ...image,
      artifactType: "",
      config: { ...config, platform: { os: "", architecture: "" }, artifactType: "" },
    }),
    of("layers of an unknown type, with parameters", { ...image, layers: each({ mediaType: "x/y; z=1" }) }),
    of("URLs that are none", { ...image, layers: each({ urls: ["", "no URL", "https://example.com/a b"] }) }),
    of("an embedded config", {
      ...image,
      config: { ...config, data: Buffer.from(configBytes).toString("base64") },
    }),
    of("a subject and annotations with odd names", {
      ...image,
      subject: { ...subject, annotations: null },
      artifactType: "application/vnd.example+json; version=1",
      annotations: { "": "", "\0": "NUL", é: "\u{1F600}", OS: "x", constructor: "y" },
    }),
    of("unknown members of any kind", { ...image, "x-list": [null, 1.5, [{ OS: 1 }]], blobs: null }),
    odd("an annotation called __proto__", MediaType.ociManifest, withText('"annotations":{"__proto__":"a"}')),
    odd(
      "numbers of any form in unknown members",
      MediaType.ociManifest,
      withText('"x":{"size":1.0,"y":-0,"z":1e999,"n":123456789012345678901234567890}'),
    ),
    odd("half a surrogate pair", MediaType.ociManifest, withText('"annotations":{"a":"\\ud800"}')),
    odd("escaped names of members", MediaType.ociManifest, plain.replace('"layers"', '"l\\u0061yers"')),
    odd("white space", MediaType.ociManifest, `\r\n\t${JSON.stringify(image, null, "\t")} \r\n`),
    odd("60 levels", MediaType.ociManifest, withText(`"x":${"[".repeat(60)}${"]".repeat(60)}`)),
  ];
}

function oddIndexes({ config, layers, image, index: inner, platform }: OddParts): readonly OddManifest[] {
  const of = (name: string, entry: object, more: object = {}, cannotCopy?: OddManifest["cannotCopy"]) => {
    const manifests = [{ ...image, platform, ...entry }];
    const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests, ...more };
    return odd(name, MediaType.ociIndex, JSON.stringify(index), cannotCopy);
  };
  const entry = { ...image, platform };
  return [
    of("an index without a media type", {}, { mediaType: undefined }),
    of(
      "an index with null in every optional member",
      { ...NULLS },
      {
        ...{ mediaType: null, artifactType: null, subject: null, annotations: null },
        ...{ config: null, layers: null },
      },
    ),
    of("an index of nothing", {}, { manifests: [] }),
    of("an index with null for its entries", {}, { manifests: null }),
    of("an index without entries", {}, { manifests: undefined }),
    of("an index with the same entry twice", {}, { manifests: [entry, entry] }),
    of("an entry without a platform", { platform: undefined }),
    of("an entry with null for its platform", { platform: null }),
    of("an entry with an empty platform", { platform: { os: "", architecture: "" } }),
    of("an entry with every field of a platform", {
      platform: { ...platform, variant: "v1", "os.version": "1", "os.features": ["a"], features: ["b"] },
    }),
    of("an entry with null in its platform", {
      platform: { ...platform, variant: null, "os.version": null, "os.features": null, libc: "musl" },
    }),
    of("an index with a subject and a type", { artifactType: "x" }, { artifactType: "x", subject: image }),
    of(
      "an index of blobs, as BuildKit's cache",
      {},
      { manifests: [...layers, { ...config, mediaType: "application/vnd.buildkit.cacheconfig.v0" }] },
      { skopeo: /manifest unknown/ },
    ),
    of(
      "an index in an index",
      {},
      { manifests: [inner] },
      { skopeo: /received a manifest list instead of a manifest/ },
    ),
  ];
}

function dockerManifests({ config, layers, image, platform }: OddParts): readonly OddManifest[] {
  const manifest = { schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers };
  const own = {
    config: { ...config, mediaType: "application/vnd.docker.container.image.v1+json" },
    layers: layers.map((layer) => ({
      ...layer,
      mediaType: "application/vnd.docker.image.rootfs.diff.tar.gzip",
    })),
  };
  const manifests = [{ ...image, platform: { ...platform, features: ["sse4"], "os.features": [] } }];
  const list = { schemaVersion: 2, mediaType: MediaType.dockerList, manifests };
  const artifact = { mediaType: MediaType.ociArtifact, artifactType: "x/y", blobs: layers };
  return [
    odd("a Docker image", MediaType.dockerManifest, JSON.stringify({ ...manifest, ...own })),
    odd("a Docker image of OCI layers", MediaType.dockerManifest, JSON.stringify(manifest), {
      skopeo: /unsupported docker v2s2 media type/,
    }),
    odd("a Docker list of an OCI image", MediaType.dockerList, JSON.stringify(list)),
    odd("an artifact manifest", MediaType.ociArtifact, JSON.stringify(artifact), {
      skopeo: /unsupported schema version 0/,
    }),
  ];
}

function odd(
  name: string,
  mediaType: string,
  text: string,
  cannotCopy: OddManifest["cannotCopy"] = {},
): OddManifest {
  return { name, mediaType, text, cannotCopy };
}
