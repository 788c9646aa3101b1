// `npm run test:buildkit`: the real BuildKit keeps its cache in a registry, and takes it from there.
import { afterAll, beforeAll, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { RegistryClient } from "../support/registry-client.ts";
import { describeWith } from "../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";
import { BuildDaemon, canRunBuildKit } from "./build-daemon.ts";

/** Two stages, none of which runs a program. */
const DOCKERFILE = `FROM scratch AS first
COPY small /small
FROM scratch
COPY --from=first /small /small
COPY large /large
`;

describeWith("BuildKit", canRunBuildKit(), "needs root, buildkitd, buildctl, and runc or crun", () => {
  let folder: TemporaryFolder;
  let server: ServerProcess;
  let daemon: BuildDaemon;
  let client: RegistryClient;
  let context: string;

  beforeAll(async () => {
    folder = await temporaryFolder("registry-cache");
    server = await startServerProcess(join(folder.path, "data"), { SLIPWAY_BUILDER_ENABLED: "false" });
    client = new RegistryClient(server);
    daemon = await BuildDaemon.start(server.host);
    context = join(folder.path, "context");
    await mkdir(context);
    await writeFile(join(context, "Dockerfile"), DOCKERFILE);
    await writeFile(join(context, "small"), "small\n");
    await writeFile(join(context, "large"), randomBytes(3 << 20));
  });
  afterAll(async () => {
    await daemon[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  it.each([
    // The default before BuildKit 0.21: an index of layers and of a description of the cache.
    [
      "an OCI index",
      "index",
      "image-manifest=false,oci-mediatypes=true",
      "application/vnd.oci.image.index.v1+json",
    ],
    [
      "a Docker manifest list",
      "list",
      "image-manifest=false,oci-mediatypes=false",
      "application/vnd.docker.distribution.manifest.list.v2+json",
    ],
    ["an image", "image", "image-manifest=true", "application/vnd.oci.image.manifest.v1+json"],
  ])("keeps its cache as %s, and takes it from there", async (_, name, form, mediaType) => {
    await daemon.prune();
    const push = (tag: string) => ["--output", `type=image,name=${server.host}/app/${name}:${tag},push=true`];
    const cache = `type=registry,ref=${server.host}/cache/${name}:latest`;
    await daemon.build(context, [...push("built"), "--export-cache", `${cache},mode=max,${form}`]);
    const stored = await client.call("GET", `/v2/cache/${name}/manifests/latest`, {
      headers: { accept: mediaType },
    });
    expect(await stored.json()).toMatchObject({ mediaType });
    await daemon.prune();
    const steps = await daemon.build(context, [...push("again"), "--import-cache", cache]);
    expect(steps).toMatch(/\[stage-1 2\/2\] COPY large \/large\n#\d+ (?:CACHED|sha256:)/);
    const digests = await Promise.all(
      ["built", "again"].map(async (tag) => {
        const { headers } = await client.call("HEAD", `/v2/app/${name}/manifests/${tag}`);
        return headers.get("docker-content-digest");
      }),
    );
    expect(digests[0]).toStartWith("sha256:");
    expect(digests[1]).toBe(digests[0] as string);
  });
});
