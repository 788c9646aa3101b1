import { randomBytes } from "node:crypto";
import { RegistryClient } from "../../test/support/registry-client.ts";
import type { LoadRequest } from "./outage-load.ts";

const REPOSITORY = "bench/cache";
const IMAGES = 100;

/**
 * Pushes small images through the first instance. Resolves to requests that pull them from all instances, in a mixed
 * order.
 */
export async function pushContent(instances: readonly string[]): Promise<readonly LoadRequest[]> {
  const client = new RegistryClient({ url: instances[0] as string });
  const requests: LoadRequest[] = [];
  for (let index = 0; index < IMAGES; index += 1) {
    const manifest = await client.makeImage(REPOSITORY);
    const layer = await client.pushBlob(REPOSITORY, randomBytes(8 * 1024));
    await client.pushManifest(REPOSITORY, { ...manifest, layers: [...manifest.layers, layer] }, `t${index}`);
    for (const instance of instances) {
      const base = `${instance}/v2/${REPOSITORY}`;
      requests.push(
        { method: "HEAD", url: `${base}/blobs/${layer.digest}` },
        { method: "GET", url: `${base}/manifests/t${index}` },
        { method: "GET", url: `${base}/blobs/${layer.digest}` },
      );
    }
  }
  return requests;
}

/** The path of a request, for load with a single request. */
export function pathOf({ url }: LoadRequest): string {
  return new URL(url).pathname;
}
