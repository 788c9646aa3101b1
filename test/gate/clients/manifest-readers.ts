/** How a client reads a manifest's bytes, and how it copies the manifest with everything that it names. */
export interface ManifestReader {
  /** The program. */
  readonly name: string;
  readonly read: (reference: string) => readonly string[];
  /** Copies into the folder `to`, or into `copies`, a reference on the same registry. */
  readonly copy: (reference: string, to: string, copies: string) => readonly string[];
}

/** The clients whose parsers differ: containers/image, go-containerregistry, regclient and oras-go. */
export const MANIFEST_READERS: readonly ManifestReader[] = [
  {
    name: "skopeo",
    read: (reference) => ["inspect", "--raw", "--tls-verify=false", `docker://${reference}`],
    copy: (reference, to) => [
      ...["--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false"],
      ...[`docker://${reference}`, `dir:${to}`],
    ],
  },
  {
    name: "crane",
    read: (reference) => ["manifest", "--insecure", reference],
    copy: (reference, _to, copies) => ["copy", "--insecure", reference, copies],
  },
  {
    name: "regctl",
    read: (reference) => ["manifest", "get", "--format", "raw-body", reference],
    copy: (reference, to) => ["image", "copy", reference, `ocidir://${to}:v1`],
  },
  {
    name: "oras",
    read: (reference) => ["manifest", "fetch", "--plain-http", reference],
    copy: (reference, to) => ["cp", "--to-oci-layout", "--from-plain-http", reference, `${to}:v1`],
  },
];
