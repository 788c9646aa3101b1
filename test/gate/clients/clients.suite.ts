import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { blobKey } from "../../../src/content/blob-paths.ts";
import { type Digest, digestOf, encodedOf } from "../../../src/oci/digest.ts";
import { RegistryClient, type TestDescriptor } from "../../support/registry-client.ts";
import { describeWith } from "../../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary-folder.ts";
import { type ClientProgram, ClientTools, isInstalled } from "./client-program.ts";
import { IMAGE_CLIENTS } from "./image-clients.ts";
import { makeSampleImage, type SampleImage } from "./sample-image.ts";

let folder: TemporaryFolder;
let server: ServerProcess;
let client: RegistryClient;
let tools: ClientTools;

beforeAll(async () => {
  folder = await temporaryFolder("clients");
  server = await startServerProcess(join(folder.path, "data"), { SLIPWAY_BUILDER_ENABLED: "false" });
  client = new RegistryClient(server);
  tools = new ClientTools(folder.path, server.host);
  await tools.prepare();
});
afterAll(async () => {
  const output = server.output();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
  expect(output).not.toContain('"level":50');
});

async function bytesOf(path: string): Promise<Buffer<ArrayBuffer>> {
  const response = await client.call("GET", path);
  expect(response.status).toBe(200);
  return Buffer.from(await response.arrayBuffer());
}

/** Checks an image in the registry: its bytes, or its uncompressed layers. */
async function expectStored(name: string, image: SampleImage, keepsBytes: boolean): Promise<void> {
  const manifest = await bytesOf(`/v2/${name}/manifests/v1`);
  const { config, layers } = JSON.parse(manifest.toString()) as {
    config: TestDescriptor;
    layers: TestDescriptor[];
  };
  expect(config.digest).toBe(image.config);
  if (keepsBytes) expect(digestOf(manifest)).toBe(image.manifest);
  expect(layers).toHaveLength(image.layers.length);
  for (const [i, { digest }] of layers.entries()) {
    const bytes = await bytesOf(`/v2/${name}/blobs/${digest}`);
    if (keepsBytes) expect(bytes.equals(image.blobs.get(digest) as Uint8Array)).toBe(true);
    expect(Buffer.from(Bun.gunzipSync(bytes)).equals(image.layers[i] as Buffer)).toBe(true);
  }
}

/** Checks what a client pulled into an OCI layout. */
async function expectPulled(layout: string, image: SampleImage, keepsBytes: boolean): Promise<void> {
  const read = (digest: Digest) => readFile(join(layout, "blobs/sha256", encodedOf(digest)));
  const index = JSON.parse(await readFile(join(layout, "index.json"), "utf8")) as {
    manifests: TestDescriptor[];
  };
  const digest = index.manifests[0]?.digest as Digest;
  if (keepsBytes) expect(digest).toBe(image.manifest);
  const { config, layers } = JSON.parse((await read(digest)).toString()) as {
    config: TestDescriptor;
    layers: TestDescriptor[];
  };
  expect((await read(config.digest)).equals(image.blobs.get(image.config) as Uint8Array)).toBe(true);
  for (const [i, layer] of layers.entries()) {
    const bytes = await read(layer.digest);
    if (keepsBytes) expect(bytes.equals(image.blobs.get(layer.digest) as Uint8Array)).toBe(true);
    expect(Buffer.from(Bun.gunzipSync(bytes)).equals(image.layers[i] as Buffer)).toBe(true);
  }
}

function imageClientTests(program: ClientProgram): void {
  const name = `${program.name}/image`;
  const copied = `${program.name}/copy`;
  const at = (repository: string) => `${server.host}/${repository}:v1`;
  let image: SampleImage;

  beforeAll(async () => {
    image = await makeSampleImage(join(folder.path, `${program.name}-image`));
  });

  it("pushes an image, and the registry has it byte for byte", async () => {
    await program.push(tools, image.layout, at(name));
    await expectStored(name, image, program.keepsBytes);
  });

  it("pulls it again byte for byte", async () => {
    const layout = join(folder.path, `${program.name}-pulled`);
    await program.pull(tools, at(name), layout);
    await expectPulled(layout, image, program.keepsBytes);
  });

  it("copies it into another repository", async () => {
    await program.copy(tools, at(name), at(copied));
    await expectStored(copied, image, program.keepsBytes);
  });

  it("pushes it to a new repository when the registry lost its blobs, which heals both", async () => {
    const manifest = await bytesOf(`/v2/${name}/manifests/v1`);
    const { config, layers } = JSON.parse(manifest.toString()) as {
      config: TestDescriptor;
      layers: TestDescriptor[];
    };
    for (const { digest } of [config, ...layers]) {
      await rm(join(folder.path, "data", "content", blobKey(digest)), { force: true });
    }
    await program.push(tools, image.layout, at(`${program.name}/healed`));
    await expectStored(`${program.name}/healed`, image, program.keepsBytes);
    await expectStored(name, image, program.keepsBytes);
  });

  const { listTags, remove } = program;
  if (listTags !== undefined) {
    it("lists its tags", async () => {
      expect(await listTags(tools, `${server.host}/${name}`)).toContain("v1");
    });
  }
  if (remove !== undefined) {
    it("deletes the copy, and the image stays", async () => {
      await remove(tools, at(copied));
      expect((await client.call("HEAD", `/v2/${copied}/manifests/v1`)).status).toBe(404);
      await expectStored(name, image, program.keepsBytes);
    });
  }
}

describe("over plain HTTP", () => {
  for (const program of IMAGE_CLIENTS) {
    describeWith(program.name, isInstalled(program.name), "is not installed", () =>
      imageClientTests(program),
    );
  }

  describeWith("oras", isInstalled("oras"), "is not installed", () => {
    it("pushes and pulls a file, attaches another to it, and discovers that", async () => {
      const reference = `${server.host}/oras/artifact:v1`;
      const content = randomBytes(100_000);
      await Bun.write(join(folder.path, "artifact.bin"), content);
      await Bun.write(join(folder.path, "sbom.json"), "{}");
      const insecure = ["--plain-http", "--disable-path-validation"];
      const file = `${join(folder.path, "artifact.bin")}:application/octet-stream`;
      await tools.run("oras", "push", ...insecure, "--artifact-type", "application/x-test", reference, file);
      const sbom = `${join(folder.path, "sbom.json")}:application/spdx+json`;
      await tools.run(
        "oras",
        "attach",
        ...insecure,
        "--artifact-type",
        "application/spdx+json",
        reference,
        sbom,
      );
      expect(await tools.run("oras", "discover", "--plain-http", reference)).toContain(
        "application/spdx+json",
      );
      const { layers } = JSON.parse((await bytesOf("/v2/oras/artifact/manifests/v1")).toString()) as {
        layers: TestDescriptor[];
      };
      expect(layers[0]?.digest).toBe(digestOf(content));
      const blob = `${server.host}/oras/artifact@${digestOf(content)}`;
      const output = join(folder.path, "fetched.bin");
      await tools.run("oras", "blob", "fetch", "--plain-http", "--output", output, blob);
      expect((await readFile(output)).equals(content)).toBe(true);
    });
  });

  describeWith("helm", isInstalled("helm"), "is not installed", () => {
    it("pushes a chart and pulls it byte for byte", async () => {
      const chart = join(folder.path, "chart");
      await tools.run("helm", "create", chart);
      await tools.run("helm", "package", chart, "--destination", folder.path);
      const archive = join(folder.path, "chart-0.1.0.tgz");
      const repository = `oci://${server.host}/charts`;
      await tools.run("helm", "push", archive, repository, "--plain-http");
      const destination = join(folder.path, "helm-pulled");
      await tools.run("mkdir", destination);
      const version = ["--version", "0.1.0", "--plain-http", "--destination", destination];
      await tools.run("helm", "pull", `${repository}/chart`, ...version);
      const pulled = await readFile(join(destination, basename(archive)));
      expect(pulled.equals(await readFile(archive))).toBe(true);
    });
  });

  describeWith("cosign", isInstalled("cosign"), "is not installed", () => {
    const offline = ["--use-signing-config=false", "--tlog-upload=false", "--allow-http-registry"];
    const key = (name: string) => join(folder.path, `cosign-${name}`);
    const sign = (name: string, reference: string) =>
      tools.run("cosign", "sign", "--yes", "--key", `${key(name)}.key`, ...offline, reference);
    const verify = (name: string, reference: string) => {
      const options = ["--insecure-ignore-tlog=true", "--allow-http-registry", "--key", `${key(name)}.pub`];
      return tools.run("cosign", "verify", ...options, reference);
    };

    beforeAll(async () => {
      for (const name of ["own", "other"])
        await tools.run("cosign", "generate-key-pair", "--output-key-prefix", key(name));
    });

    it("signs an image and verifies it, through the referrers", async () => {
      const { digest } = await client.pushImage("cosign/image", "v1");
      const reference = `${server.host}/cosign/image@${digest}`;
      await sign("own", reference);
      const { manifests } = (await (
        await client.call("GET", `/v2/cosign/image/referrers/${digest}`)
      ).json()) as { manifests: TestDescriptor[] };
      expect(manifests.map(({ artifactType }) => artifactType)).toEqual([
        "application/vnd.dev.sigstore.bundle.v0.3+json",
      ]);
      expect(await verify("own", reference)).toContain(digest);
      await expect(verify("other", reference)).rejects.toThrow(/signature/);
    });

    it("verifies an image whose signature is behind thousands of other referrers, as it reads one page", async () => {
      const subject = await client.pushImage("cosign/flooded", "v1");
      const note = {
        ...(await client.makeImage("cosign/flooded")),
        subject,
        artifactType: "application/x-note",
      };
      const push = (number: number) => {
        const annotations = { number: String(number), text: "x".repeat(500) };
        return client.pushManifest("cosign/flooded", { ...note, annotations });
      };
      for (let first = 0; first < 2000; first += 20)
        await Promise.all(Array.from({ length: 20 }, (_, i) => push(first + i)));
      const reference = `${server.host}/cosign/flooded@${subject.digest}`;
      await sign("own", reference);
      expect(await verify("own", reference)).toContain(subject.digest);
    });
  });
});
