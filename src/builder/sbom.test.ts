import { describe, expect, it } from "bun:test";
import { digestOf } from "../oci/digest.ts";
import type { Part } from "./package-source.ts";
import { createSbom, packageUrl } from "./sbom.ts";

const part = (id: string, changed: Partial<Part> = {}): Part => ({
  id,
  label: `${id}-1.0`,
  bucket: id,
  sizeBytes: 1,
  contentKey: id,
  base: false,
  ...changed,
});

function sbomOf(...parts: readonly Part[]) {
  const bytes = new TextEncoder().encode("lock");
  const image = { mediaType: "application/x", digest: digestOf(bytes), size: 4 };
  const lock = { bytes, digest: digestOf(bytes) };
  const resolution = { parts, description: "Packages: a" };
  return new TextDecoder().decode(createSbom({ image, lock, resolution }));
}

describe("the list of an image's software", () => {
  it("lists every part with its facts, and how the parts relate", () => {
    const software = {
      name: "a",
      version: "1.0",
      purl: "pkg:x/a@1.0",
      license: "MIT",
      homepage: "https://a.invalid",
    };
    const document = JSON.parse(
      sbomOf(part("b"), part("a", { software, references: ["a", "b", "not-there"] })),
    );
    expect(document).toMatchObject({
      spdxVersion: "SPDX-2.3",
      creationInfo: { created: "1970-01-01T00:00:00Z" },
    });
    const [, first, second] = document.packages;
    expect(first).toMatchObject({
      name: "a",
      versionInfo: "1.0",
      licenseDeclared: "MIT",
      homepage: "https://a.invalid",
    });
    expect(first.externalRefs[0].referenceLocator).toBe("pkg:x/a@1.0");
    expect(second).toMatchObject({ name: "b-1.0", licenseDeclared: "NOASSERTION" });
    const relations = document.relationships.map(
      (one: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }) =>
        `${one.spdxElementId} ${one.relationshipType} ${one.relatedSpdxElement}`,
    );
    expect(relations).toEqual([
      "SPDXRef-DOCUMENT DESCRIBES SPDXRef-Image",
      "SPDXRef-Image CONTAINS SPDXRef-Package-1",
      "SPDXRef-Image CONTAINS SPDXRef-Package-2",
      "SPDXRef-Package-1 DEPENDS_ON SPDXRef-Package-2",
    ]);
  });

  it("is the same whatever the order of the parts", () => {
    expect(sbomOf(part("a"), part("b"))).toBe(sbomOf(part("b"), part("a")));
  });
});

describe("a package URL", () => {
  it("encodes special characters", () => {
    expect(packageUrl("deb/debian", "g++", "4:12.2.0-3", { arch: "amd64" })).toBe(
      "pkg:deb/debian/g%2B%2B@4:12.2.0-3?arch=amd64",
    );
    expect(packageUrl("nix", "a", undefined, {})).toBe("pkg:nix/a");
  });
});
