import type { Cluster } from "../../../examples/cluster/cluster.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { sampleBytes } from "../../contracts/content-driver-samples.ts";
import type { Checks } from "../../support/checks.ts";
import { eventually } from "../../support/eventually.ts";
import { RegistryClient } from "../../support/registry-client.ts";
import { must, viewsOf } from "./views.ts";

const MIB = 1 << 20;
const REPOSITORY = "scenario/uploads";

/** Uploads that use several instances. */
export async function checkUploads(cluster: Cluster, checks: Checks): Promise<void> {
  await checks.run("an upload goes from instance to instance, chunk by chunk", () => wander(cluster));
  await checks.run("an upload goes on elsewhere when its instance is killed in the middle of a chunk", () =>
    survive(cluster),
  );
  await checks.run("of chunks sent to several instances at once, exactly one is taken", () => race(cluster));
  await checks.run(
    "of two instances that finish one upload at once, one at least does, and the blob is whole",
    () => finishTwice(cluster),
  );
  await checks.run(
    "a cancel at one instance ends the chunk that hangs at another, and the status is told meanwhile",
    () => cancelElsewhere(cluster),
  );
  await checks.run("an upload's chunks go through the proxy to whoever's turn it is", () =>
    throughProxy(cluster),
  );
}

async function wander(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  // Chunks smaller and larger than the store's parts, so that each instance takes over a tail from another.
  const sizes = [3 * MIB, 6 * MIB, 100, 11 * MIB, 2 * MIB];
  const bytes = sampleBytes(sizes.reduce((sum, size) => sum + size, 0));
  const location = await views[0].start(REPOSITORY);
  let offset = 0;
  for (const [index, size] of sizes.entries()) {
    const view = views[index % views.length] as RegistryClient;
    await must(append(view, location, bytes, offset, offset + size), 202);
    offset += size;
  }
  await must(views[2].call("PUT", `${location}&digest=${digestOf(bytes)}`), 201);
  await expectContent(views[1], bytes);
}

async function survive(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  const bytes = sampleBytes(20 * MIB, 2);
  const location = await views[0].start(REPOSITORY);
  let position = 0;
  // Sends 12 MiB, then hangs.
  const hanging = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (position > 12 * MIB) return new Promise(() => {});
      controller.enqueue(bytes.subarray(position, position + 64 * 1024));
      position += 64 * 1024;
      return undefined;
    },
  });
  const headers = { "content-type": "application/octet-stream" };
  const cut = views[0].call("PATCH", location, { headers, body: hanging }).then(
    () => false,
    () => true,
  );
  await eventually(async () => (await storedBytes(views[0], location)) >= 10 * MIB);
  await cluster.kill("slipway-1");
  if (!(await cut)) throw new Error("the request outlived its instance");
  try {
    const kept = await storedBytes(views[1], location);
    if (kept < 10 * MIB) throw new Error(`of 12 MiB in parts of 5 MiB, ${kept} bytes are left`);
    await must(append(views[1], location, bytes, kept, bytes.byteLength), 202);
    await must(views[2].call("PUT", `${location}&digest=${digestOf(bytes)}`), 201);
    await expectContent(views[1], bytes);
  } finally {
    await cluster.start("slipway-1");
  }
}

async function storedBytes(view: RegistryClient, location: string): Promise<number> {
  const status = await must(view.call("GET", location), 204);
  const last = Number(status.headers.get("range")?.split("-")[1]);
  return last === 0 ? 0 : last + 1;
}

async function race(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  for (let round = 0; round < 5; round += 1) {
    const location = await views[0].start(REPOSITORY);
    const contents = views.map((_view, index) => sampleBytes(2 * MIB, 10 * round + index));
    const answers = await Promise.all(
      views.map((view, index) => append(view, location, contents[index] as Uint8Array, 0, 2 * MIB)),
    );
    const statuses = answers.map(({ status }) => status);
    // 409 is for requests that did not get their turn in time.
    const refused = statuses.filter((status) => status === 416 || status === 409);
    if (!statuses.includes(202) || refused.length !== 2) throw new Error(`answers were ${statuses}`);
    const bytes = contents[statuses.indexOf(202)] as Uint8Array;
    await must(views[1].call("PUT", `${location}&digest=${digestOf(bytes)}`), 201);
    await expectContent(views[2], bytes);
  }
}

async function finishTwice(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  for (let round = 0; round < 5; round += 1) {
    const location = await views[0].start(REPOSITORY);
    const bytes = sampleBytes(6 * MIB, 100 + round);
    await must(append(views[0], location, bytes, 0, bytes.byteLength), 202);
    const path = `${location}&digest=${digestOf(bytes)}`;
    const answers = await Promise.all([views[1].call("PUT", path), views[2].call("PUT", path)]);
    const statuses = answers.map(({ status }) => status).toSorted((one, other) => one - other);
    if (!["201,201", "201,409"].includes(statuses.join())) throw new Error(`answers were ${statuses}`);
    await expectContent(views[0], bytes);
  }
}

async function cancelElsewhere(cluster: Cluster): Promise<void> {
  const views = viewsOf(cluster);
  const location = await views[0].start(REPOSITORY);
  await must(append(views[0], location, sampleBytes(1000), 0, 1000), 202);
  // Yields one chunk, then hangs.
  const hanging = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(sampleBytes(64 * 1024)),
    pull: () => new Promise(() => {}),
  });
  const cut = views[0].call("PATCH", location, { body: hanging });
  const ended = cut.then(
    ({ status }) => status,
    (error: unknown) => String(error),
  );
  // A chunk at a wrong offset changes nothing: 416 while the upload is free, 409 once the hanging chunk has it.
  let busy: Response | undefined;
  await eventually(async () => {
    busy = await append(views[2], location, sampleBytes(1010), 500, 510);
    return busy.status === 409;
  });
  if (!busy?.headers.has("retry-after")) throw new Error("409 without Retry-After");
  const status = await must(views[1].call("GET", location), 204);
  if (status.headers.get("range") !== "0-999") throw new Error(`the range is ${status.headers.get("range")}`);
  await eventually(async () => {
    const { status } = await views[1].call("DELETE", location);
    // 409 if the instance that must end the chunk takes longer than this one waits. A client then tries again.
    if (status !== 204 && status !== 409) throw new Error(`the cancel was answered ${status}`);
    return status === 204;
  });
  const answer = await ended;
  if (answer !== 404) throw new Error(`the chunk was answered ${answer}`);
  await must(views[2].call("GET", location), 404);
}

async function throughProxy(cluster: Cluster): Promise<void> {
  const proxy = new RegistryClient(cluster);
  const bytes = sampleBytes(9 * MIB, 3);
  const location = await proxy.start(REPOSITORY);
  for (let offset = 0; offset < bytes.byteLength; offset += MIB) {
    await must(append(proxy, location, bytes, offset, offset + MIB), 202);
  }
  await must(proxy.call("PUT", `${location}&digest=${digestOf(bytes)}`), 201);
  await expectContent(proxy, bytes);
}

function append(
  client: RegistryClient,
  location: string,
  bytes: Uint8Array,
  start: number,
  end: number,
): Promise<Response> {
  const headers = { "content-range": `${start}-${end - 1}`, "content-type": "application/octet-stream" };
  return client.call("PATCH", location, { headers, body: bytes.subarray(start, end) });
}

async function expectContent(client: RegistryClient, bytes: Uint8Array): Promise<void> {
  const digest = digestOf(bytes);
  const found = await must(client.call("GET", `/v2/${REPOSITORY}/blobs/${digest}`), 200);
  if (digestOf(await found.bytes()) !== digest) throw new Error(`${digest} has other bytes`);
}
