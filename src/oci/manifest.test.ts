import { describe, expect, it } from "bun:test";
import fc from "fast-check";
import { EMPTY_DIGEST } from "./digest.ts";
import { parseManifest } from "./manifest.ts";
import { MediaType } from "./media-types.ts";
import { RegistryError } from "./registry-error.ts";

const descriptor = { mediaType: "application/x", digest: EMPTY_DIGEST, size: 0 };
const platform = { os: "linux", architecture: "amd64" };
const withEntry = (more: object) => ({ schemaVersion: 2, manifests: [{ ...descriptor, ...more }] });

const image = (more: object = {}) => ({ schemaVersion: 2, config: descriptor, ...more });

function parse(value: unknown, contentType: string = MediaType.ociIndex) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return parseManifest(new TextEncoder().encode(text), contentType);
}

/** The problems for which a manifest is refused. */
function problems(value: unknown, contentType?: string): unknown {
  try {
    parse(value, contentType);
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    expect((error as RegistryError).fault).toBe("manifest-invalid");
    return (error as RegistryError).detail;
  }
  throw new Error("the manifest was taken");
}

describe("a descriptor is refused with the place of", () => {
  const notString = "Invalid input: expected string, received number";
  it.each<[object, readonly string[]]>([
    [{ platform: 5 }, ["platform: Invalid input: expected object, received number"]],
    [{ platform: [platform] }, ["platform: Invalid input: expected object, received array"]],
    [
      { platform: {} },
      [
        "platform.architecture: Invalid input: expected string, received undefined",
        "platform.os: Invalid input: expected string, received undefined",
      ],
    ],
    [{ platform: { ...platform, os: 1 } }, [`platform.os: ${notString}`]],
    [{ platform: { ...platform, os: null } }, ["platform.os: Invalid input: expected string, received null"]],
    [{ platform: { ...platform, variant: 8 } }, [`platform.variant: ${notString}`]],
    [{ platform: { ...platform, "os.version": 10 } }, [`platform.os.version: ${notString}`]],
    [{ platform: { ...platform, "os.features": ["a", 1] } }, [`platform.os.features.1: ${notString}`]],
    [
      { platform: { ...platform, features: "sse4" } },
      ["platform.features: Invalid input: expected array, received string"],
    ],
    [{ platform: { ...platform, OS: "windows" } }, ["platform.OS: must be spelled os"]],
    [{ platform: { ...platform, "OS.Version": "1" } }, ["platform.OS.Version: must be spelled os.version"]],
    [{ platform: { ...platform, Variant: "v7" } }, ["platform.Variant: must be spelled variant"]],
    [{ platform: { ...platform, oſ: "windows" } }, ["platform.oſ: must be spelled os"]],
    [
      { platform: { os: 1, Architecture: "arm64", architecture: "amd64" } },
      [`platform.os: ${notString}`, "platform.Architecture: must be spelled architecture"],
    ],
    [{ Platform: platform }, ["Platform: must be spelled platform"]],
    [{ annotations: "text" }, ["annotations: is not an object"]],
    [{ annotations: ["text"] }, ["annotations: is not an object"]],
    [
      { annotations: { a: 1, b: "text", c: null } },
      ["annotations.a: is not a string", "annotations.c: is not a string"],
    ],
    [{ urls: "https://example.com" }, ["urls: Invalid input: expected array, received string"]],
    [{ urls: [1] }, [`urls.0: ${notString}`]],
    [{ artifactType: 1 }, [`artifactType: ${notString}`]],
    [
      { annotations: 5, Digest: EMPTY_DIGEST, urls: [1] },
      [`urls.0: ${notString}`, "annotations: is not an object", "Digest: must be spelled digest"],
    ],
  ])("%j", (more, expected) => {
    const place = (parent: string) => expected.map((problem) => `${parent}.${problem}`);
    expect(problems(withEntry(more))).toEqual(place("manifests.0"));
    const entry = { ...descriptor, ...more };
    expect(problems(image({ config: entry }), MediaType.ociManifest)).toEqual(place("config"));
    expect(problems(image({ subject: entry }), MediaType.ociManifest)).toEqual(place("subject"));
  });
});

describe("a descriptor may have", () => {
  it.each<[string, object]>([
    ["no platform, as Go's nil", { platform: null }],
    ["an empty platform, as Go's zero value", { platform: { os: "", architecture: "" } }],
    ["BuildKit's platform of an attestation", { platform: { os: "unknown", architecture: "unknown" } }],
    [
      "every field of a platform",
      {
        platform: {
          ...platform,
          variant: "v2",
          "os.version": "10.0.1",
          "os.features": ["win32k"],
          features: ["sse"],
        },
      },
    ],
    [
      "nothing in a platform's optional fields",
      { platform: { ...platform, variant: null, "os.features": null } },
    ],
    [
      "unknown fields in its platform",
      { platform: { ...platform, libc: "musl", "org.example.x": { OS: 1 } } },
    ],
    ["no annotations, URLs and data, as Go's nil", { annotations: null, urls: null, data: null }],
    ["annotations that spell fields in another case", { annotations: { OS: "x", Digest: "y", "": "" } }],
    ["unknown fields of any kind", { "x-unknown": [1, { a: null }] }],
  ])("%s", (_, more) => {
    expect(parse(withEntry(more)).references).toHaveLength(1);
    expect(
      parse({ schemaVersion: 2, config: { ...descriptor, ...more } }, MediaType.ociManifest).references,
    ).toHaveLength(1);
  });
});

describe("an entry of an index", () => {
  it.each([
    [MediaType.ociManifest, "manifest"],
    [MediaType.ociIndex, "manifest"],
    [MediaType.dockerManifest, "manifest"],
    [MediaType.dockerList, "manifest"],
    [MediaType.ociArtifact, "manifest"],
    [`${MediaType.ociManifest}; charset=utf-8`, "manifest"],
    ["Application/Vnd.OCI.Image.Manifest.V1+JSON", "manifest"],
    [MediaType.ociLayerGzip, "layer"],
    [MediaType.ociConfig, "layer"],
    ["application/vnd.buildkit.cacheconfig.v0", "layer"],
    ["application/vnd.docker.distribution.manifest.v1+prettyjws", "layer"],
    ["constructor", "layer"],
  ])("of the type %s is a %s", (mediaType, kind) => {
    expect(parse(withEntry({ mediaType })).references).toMatchObject([{ kind, optional: false }]);
  });

  it("may be missing if it is a layer that may not be distributed", () => {
    const mediaType = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
    expect(parse(withEntry({ mediaType })).references).toMatchObject([{ kind: "layer", optional: true }]);
  });
});

describe("an optional field that is null", () => {
  const none = { mediaType: null, artifactType: null, subject: null, annotations: null };
  const inEntry = { urls: null, annotations: null, artifactType: null, data: null, platform: null };
  const entry = { ...descriptor, ...inEntry };

  it("counts as absent, in every kind of manifest and in descriptors", () => {
    const bare = parse(image({ config: entry, layers: [entry], ...none, manifests: null }), "");
    expect(bare).toEqual(parse(image({ layers: [descriptor] }), "application/json"));
    expect(bare.references).toHaveLength(2);
    const index = { schemaVersion: 2, manifests: [entry], config: null, layers: null, ...none };
    expect(parse(index, "")).toEqual(
      parse({ schemaVersion: 2, manifests: [descriptor] }, MediaType.ociIndex),
    );
    const type = MediaType.ociArtifact;
    const artifact = { ...none, mediaType: type, artifactType: "x/y", blobs: null, subject: null };
    expect(parse(artifact, type)).toEqual(parse({ mediaType: type, artifactType: "x/y" }, type));
  });

  it("counts as absent where a kind does not allow the field, and where the shape decides the kind", () => {
    expect(parse({ schemaVersion: 2, manifests: null, config: null }, "").mediaType).toBe(MediaType.ociIndex);
    expect(parse(image({ manifests: null, layers: null }), "").mediaType).toBe(MediaType.ociManifest);
    expect(problems(image({ manifests: [] }), MediaType.ociManifest)).toEqual([
      "manifests: is not allowed in this kind of manifest",
    ]);
  });

  it("is refused for a field that is required, and in a list", () => {
    for (const required of ["mediaType", "digest", "size"]) {
      const without = { ...descriptor, [required]: null };
      expect(problems(image({ config: without }), MediaType.ociManifest)).toHaveLength(1);
      expect(problems({ schemaVersion: 2, manifests: [without] })).toHaveLength(1);
    }
    expect(problems(image({ schemaVersion: null }), MediaType.ociManifest)).toHaveLength(1);
    expect(problems(image({ layers: [null] }), MediaType.ociManifest)).toHaveLength(1);
    const types = [MediaType.dockerManifest, MediaType.dockerList];
    for (const type of types) expect(problems({ ...image(), mediaType: null }, type)).not.toEqual([]);
  });
});

describe("a number", () => {
  const sized = (size: string) =>
    `{"schemaVersion":2,"config":{"mediaType":"x","digest":"${EMPTY_DIGEST}","size":${size}}}`;
  const version = (text: string) => sized("9").replace('"schemaVersion":2', `"schemaVersion":${text}`);

  it.each(["9.0", "9e0", "9E0", "0.9e1", "90e-1", "9.5", "-0", "-0.0", "-1", "9007199254740993", "1e999"])(
    "is no size if it is written as %s, which some clients cannot read",
    (size) => {
      expect(problems(sized(size), MediaType.ociManifest)).toHaveLength(1);
      const index = `{"schemaVersion":2,"manifests":[${sized(size).slice(28, -1)}]}`;
      expect(problems(index)).toHaveLength(1);
    },
  );

  it.each(["2.0", "2e0", "20e-1", "0.2E1"])("is no schema version if it is written as %s", (text) => {
    expect(problems(version(text), MediaType.ociManifest)).toEqual(["schemaVersion: is not 2, in digits"]);
    expect(problems(`{"schemaVersion":${text},"manifests":[]}`)).toEqual([
      "schemaVersion: is not 2, in digits",
    ]);
  });

  it("may have any form in a field that the registry does not know, and beside text with points", () => {
    const unknown = `"x":{"size":2.0,"e":[1e2,-0,true,false,1.5]},"annotations":{"a":"2.0 -0 9e9"}`;
    const text = sized("9").replace("{", `{${unknown},`);
    expect(parse(text, MediaType.ociManifest).references).toMatchObject([{ size: 9 }]);
    expect(problems(text.replace('"size":9', '"size":9.0'), MediaType.ociManifest)).toEqual([
      "config.size: is not an integer in digits",
    ]);
  });
});

describe("a manifest", () => {
  it("of an image without a config is refused, as crane, oras and regctl cannot read it", () => {
    for (const config of [{}, { config: null }]) {
      const without = { schemaVersion: 2, layers: [], ...config };
      expect(problems(without, MediaType.ociManifest)).toHaveLength(1);
      expect(problems({ ...without, mediaType: MediaType.dockerManifest }, "")).toHaveLength(1);
    }
  });

  it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "of the type %s is refused like any other unknown type",
    (type) => {
      expect(() => parse({ schemaVersion: 2 }, type)).toThrow("unsupported manifest media type");
      expect(() => parse({ schemaVersion: 2, mediaType: type }, "")).toThrow(
        "unsupported manifest media type",
      );
    },
  );

  it("keeps every annotation, whatever it is called", () => {
    const key = fc.oneof(
      fc.constantFrom("__proto__", "constructor", "toString", "valueOf", "prototype", "", "0", "\0", "é"),
      fc.string(),
    );
    const members = fc.uniqueArray(fc.tuple(key, fc.string()), { selector: ([name]) => name, maxLength: 8 });
    fc.assert(
      fc.property(members, (list) => {
        const text = `{${list.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
        fc.pre(text.isWellFormed());
        const parsed = parse(`{"schemaVersion":2,"annotations":${text}}`);
        expect(Object.entries(parsed.annotations ?? {}).toSorted()).toEqual(list.toSorted() as never);
        expect(JSON.stringify(parsed.annotations)).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it("is refused for an annotation that is not a string, whatever it is called", () => {
    for (const key of ["__proto__", "constructor", "toString"]) {
      const text = `{"schemaVersion":2,"annotations":{"${key}":{}}}`;
      expect(problems(text)).toEqual([`annotations.${key}: is not a string`]);
    }
  });

  it("is refused with a short message, however long its keys are", () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`${i}${"x".repeat(10_000)}`, i]),
    );
    const detail = problems({ schemaVersion: 2, annotations });
    expect(detail).toHaveLength(20);
    expect(JSON.stringify(detail).length).toBeLessThan(4000);
    const typed = problems({ schemaVersion: 2, mediaType: "x".repeat(10_000) });
    expect(JSON.stringify(typed).length).toBeLessThan(1000);
  });
});
