import { afterAll, beforeAll, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { installed, mustRun } from "../../support/command.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";

const MIB = 1024 * 1024;
/** Much larger than any buffer, so the thread hashes it, it is written past the page cache, and the kernel sends it. */
const LAYER_BYTES = 128 * MIB;

describeWith("a layer of 128 MiB", installed("skopeo", "podman"), "needs skopeo and podman", () => {
  let folder: string;
  let server: ServerProcess;
  let digest: string;

  beforeAll(async () => {
    // podman derives a lower-case name from the path, and does not accept a long path for its run folder.
    folder = join(tmpdir(), `slw-${crypto.randomUUID().slice(0, 8)}`);
    await mkdir(folder);
    server = await startServerProcess(join(folder, "data"));
    digest = await writeLayout(join(folder, "layout"));
  }, 120_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it("comes back byte for byte through skopeo", async () => {
    const image = `docker://${server.host}/large/skopeo:1`;
    await mustRun(["skopeo", "copy", "--dest-tls-verify=false", `oci:${folder}/layout:1`, image]);
    await mustRun(["skopeo", "copy", "--src-tls-verify=false", image, `dir:${folder}/pulled`]);
    expect(await sha256(join(folder, "pulled", digest.slice("sha256:".length)))).toBe(digest);
  }, 300_000);

  it("comes back byte for byte through podman", async () => {
    const storage = ["--storage-driver", "vfs", "--root", `${folder}/storage`, "--runroot", `${folder}/run`];
    const podman = (...words: string[]) => mustRun(["podman", ...storage, ...words]);
    const image = `${server.host}/large/podman:1`;
    const [id = ""] = (await podman("pull", "--quiet", `oci:${folder}/layout:1`))
      .trim()
      .split("\n")
      .slice(-1);
    await podman("push", "--quiet", "--tls-verify=false", id, image);
    await podman("rmi", "--all", "--force");
    await podman("pull", "--quiet", "--tls-verify=false", image);
    const mounted = (await podman("image", "mount", image)).trim();
    const pulled = await sha256(join(mounted, "random"));
    await podman("image", "unmount", image);
    expect(pulled).toBe(await sha256(join(folder, "random")));
  }, 300_000);

  /** Writes an image whose only layer contains one random file; resolves to the layer's digest. */
  async function writeLayout(layout: string): Promise<string> {
    const blobs = join(layout, "blobs/sha256");
    await mkdir(blobs, { recursive: true });
    await pipeline(
      Readable.from(randomChunks(LAYER_BYTES - 10 * 1024)),
      createWriteStream(join(folder, "random")),
    );
    await mustRun(["tar", "--create", "--file", join(folder, "tar"), "--directory", folder, "random"]);
    const diffId = await sha256(join(folder, "tar"));
    // Clients compress uncompressed layers. Random bytes do not shrink, so wrapping is enough.
    const compressed = createWriteStream(join(folder, "layer"));
    await pipeline(createReadStream(join(folder, "tar")), createGzip({ level: 0 }), compressed);
    await rm(join(folder, "tar"));
    const layer = await sha256(join(folder, "layer"));
    const { size } = await stat(join(folder, "layer"));
    await rename(join(folder, "layer"), join(blobs, layer.slice("sha256:".length)));
    const config = await put(blobs, {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [diffId] },
    });
    const manifest = await put(blobs, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: layer, size }],
    });
    const annotations = { "org.opencontainers.image.ref.name": "1" };
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const index = { schemaVersion: 2, manifests: [{ mediaType, ...manifest, annotations }] };
    await writeFile(join(layout, "index.json"), JSON.stringify(index));
    await writeFile(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    return layer;
  }
});

async function put(blobs: string, document: unknown): Promise<{ digest: string; size: number }> {
  const bytes = Buffer.from(JSON.stringify(document));
  const encoded = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(blobs, encoded), bytes);
  return { digest: `sha256:${encoded}`, size: bytes.length };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: MIB })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

async function* randomChunks(size: number): AsyncGenerator<Buffer> {
  for (let left = size; left > 0; left -= MIB) {
    const chunk = Buffer.allocUnsafe(Math.min(MIB, left));
    for (let at = 0; at < chunk.length; at += 65_536) crypto.getRandomValues(chunk.subarray(at, at + 65_536));
    yield chunk;
  }
}
