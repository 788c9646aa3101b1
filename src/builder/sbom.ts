import type { Descriptor } from "../oci/descriptor.ts";
import type { ImageLock } from "./image-lock.ts";
import type { Part, Resolution } from "./package-source.ts";

/** The data for the list of an image's software. */
export interface SbomInputs {
  /** The image's manifest. */
  readonly image: Descriptor;
  readonly lock: ImageLock;
  readonly resolution: Pick<Resolution, "parts" | "description">;
}

const UNKNOWN = "NOASSERTION";
/** The creation time, which SPDX requires. It is constant, because equal images must have equal lists. */
const CREATED = "1970-01-01T00:00:00Z";
const IMAGE_ID = "SPDXRef-Image";

/**
 * The list of an image's software as SPDX 2.3 JSON. Each part has its version and its package URL, and its licence and
 * homepage if the source knows them. Equal images have equal lists.
 */
export function createSbom({ image, lock, resolution }: SbomInputs): Uint8Array {
  const parts = resolution.parts.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const ids = new Map(parts.map(({ id }, index) => [id, `SPDXRef-Package-${index + 1}`]));
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: resolution.description,
    documentNamespace: `urn:slipway:${lock.digest}`,
    creationInfo: {
      created: CREATED,
      creators: ["Tool: slipway"],
    },
    packages: [imagePackage(image, resolution.description), ...parts.map((part) => partPackage(part, ids))],
    relationships: relationships(parts, ids),
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

function imagePackage({ digest }: Descriptor, description: string) {
  return {
    SPDXID: IMAGE_ID,
    name: description,
    versionInfo: digest,
    ...nothingElse(UNKNOWN),
    primaryPackagePurpose: "CONTAINER",
  };
}

function partPackage({ id, label, software }: Part, ids: ReadonlyMap<string, string>) {
  const { name = label, version, purl, license = UNKNOWN, homepage } = software ?? {};
  return {
    SPDXID: ids.get(id),
    name,
    versionInfo: version,
    ...nothingElse(license),
    homepage,
    ...(purl !== undefined && {
      externalRefs: [{ referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl }],
    }),
  };
}

/** The fields that SPDX requires, with `NOASSERTION` where we know nothing. */
function nothingElse(license: string) {
  return {
    downloadLocation: UNKNOWN,
    filesAnalyzed: false,
    licenseConcluded: UNKNOWN,
    licenseDeclared: license,
    copyrightText: UNKNOWN,
  };
}

function relationships(parts: readonly Part[], ids: ReadonlyMap<string, string>) {
  const relation = (from: string, relationshipType: string, to: string | undefined) =>
    to === undefined ? [] : [{ spdxElementId: from, relationshipType, relatedSpdxElement: to }];
  return [
    ...relation("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE_ID),
    ...parts.flatMap(({ id }) => relation(IMAGE_ID, "CONTAINS", ids.get(id))),
    ...parts.flatMap(({ id, references = [] }) =>
      references
        .filter((other) => other !== id)
        .flatMap((other) => relation(ids.get(id) ?? "", "DEPENDS_ON", ids.get(other))),
    ),
  ];
}

/** A package URL (purl): its parts encoded, its qualifiers in ascending order. */
export function packageUrl(
  type: string,
  name: string,
  version: string | undefined,
  qualifiers: Readonly<Record<string, string>>,
): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll("%3A", ":");
  const query = Object.entries(qualifiers)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${key}=${encode(value)}`);
  const place = `pkg:${type}/${encode(name)}${version === undefined ? "" : `@${encode(version)}`}`;
  return query.length === 0 ? place : `${place}?${query.join("&")}`;
}
