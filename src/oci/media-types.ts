/** Media types (image-spec media-types.md; Docker schema 2). */
export const MediaType = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  /** Artifact type of the lock stored with a built image, and media type of its only blob. */
  slipwayLock: "application/vnd.slipway.lock.v1+json",
  /** A list of software. Artifact type and media type of the list stored with a built image. */
  spdx: "application/spdx+json",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  /** The withdrawn artifact manifest, still used by stored artifacts. */
  ociArtifact: "application/vnd.oci.artifact.manifest.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerForeignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  octetStream: "application/octet-stream",
} as const;

/** A media type without its parameters, in lower case and trimmed. */
export function bareMediaType(contentType: string): string {
  const semicolon = contentType.indexOf(";");
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}

/** Whether layers of this type may live outside the registry (image-spec layer.md, "Non-Distributable Layers"). */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType === MediaType.dockerForeignLayer ||
    mediaType.startsWith("application/vnd.oci.image.layer.nondistributable.v1.")
  );
}
