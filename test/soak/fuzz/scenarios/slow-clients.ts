import type { Socket } from "node:net";
import { digestOf } from "../../../../src/oci/digest.ts";
import { MediaType } from "../../../../src/oci/media-types.ts";
import type { Random } from "../../../support/random.ts";
import { openConnection } from "../../../support/raw-http.ts";
import type { RegistryClient } from "../../../support/registry-client.ts";
import type { Scenario, ScenarioRound } from "./scenario.ts";

/** What a client does after it has sent part of a body. */
const ENDINGS = ["complete", "cut", "half-close", "hang", "hang", "drip"] as const;

/** How long the server may take to end a hanging request, in milliseconds. This is generous. */
const TAKEOVER_WITHIN_MS = 30_000;

const UPLOADS = 4;
const READERS = 4;

/**
 * Clients hang, send slowly or disconnect in the middle of an upload, a manifest or a read. Other clients must not
 * wait: status and cancel are answered, an honest client can finish the upload from the offset in the answer, and all
 * bytes are right.
 */
export const slowClientsScenario: Scenario = {
  name: "slow clients",
  async run(round) {
    const sockets: Socket[] = [];
    const seeds = Array.from({ length: UPLOADS }, () => round.random.fork());
    const manifest = round.random.fork();
    const reads = round.random.fork();
    try {
      const found = await Promise.all([
        ...seeds.map((random) => disturbedUpload({ ...round, random }, sockets)),
        disturbedManifest({ ...round, random: manifest }, sockets),
        disturbedRead({ ...round, random: reads }, sockets),
      ]);
      return found.filter((problem) => problem !== undefined);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

async function disturbedUpload(round: ScenarioRound, sockets: Socket[]): Promise<string | undefined> {
  const { url, client, random, repository } = round;
  const content = random.bytes(1 + random.below(random.pick([2000, 2_000_000])));
  const location = await client.start(repository);
  const sent = random.below(content.byteLength + 1);
  const ending = random.pick(ENDINGS);
  const socket = await openConnection(url);
  sockets.push(socket);
  socket.write(
    `PATCH ${location} HTTP/1.1\r\nHost: localhost\r\nContent-Range: 0-${content.byteLength - 1}\r\nContent-Length: ${content.byteLength}\r\n\r\n`,
  );
  socket.write(content.subarray(0, sent));
  await Bun.sleep(random.below(50));
  await misbehave(socket, ending, content.subarray(sent), random);
  const label = `${ending} after ${sent} of ${content.byteLength} bytes`;
  if (random.oneIn(4)) return await cancel(client, location, label);
  return await finish(client, repository, location, content, label);
}

async function misbehave(
  socket: Socket,
  ending: (typeof ENDINGS)[number],
  rest: Uint8Array,
  random: Random,
): Promise<void> {
  if (ending === "complete") socket.write(rest);
  else if (ending === "cut") socket.destroy();
  else if (ending === "half-close") socket.end();
  else if (ending === "drip") {
    for (const byte of rest.subarray(0, random.below(20))) {
      socket.write(Uint8Array.of(byte));
      await Bun.sleep(10);
    }
  }
}

async function cancel(client: RegistryClient, location: string, label: string): Promise<string | undefined> {
  const cancelled = await client.call("DELETE", location);
  if (cancelled.status !== 204) return `${label}: a cancel was answered ${cancelled.status}`;
  const status = await client.call("GET", location);
  return status.status === 404 ? undefined : `${label}: a cancelled upload was answered ${status.status}`;
}

/** Continues the upload like a client that lost its connection. */
async function finish(
  client: RegistryClient,
  repository: string,
  location: string,
  content: Uint8Array<ArrayBuffer>,
  label: string,
): Promise<string | undefined> {
  const endAt = performance.now() + TAKEOVER_WITHIN_MS;
  const digest = digestOf(content);
  // `0-0` means no bytes or one (distribution-spec end-13). If the guess is wrong, the request is refused.
  let smallOffset = 0;
  for (;;) {
    const status = await client.call("GET", location);
    if (status.status !== 204) return `${label}: the status was answered ${status.status}`;
    const end = Number(status.headers.get("range")?.split("-")[1]);
    const offset = end === 0 ? smallOffset : end + 1;
    if (offset > content.byteLength) return `${label}: the offset is ${offset}`;
    const rest = content.subarray(offset);
    const answer = await client.call("PUT", `${location}&digest=${digest}`, {
      body: rest,
      headers: rest.byteLength === 0 ? {} : { "content-range": `${offset}-${content.byteLength - 1}` },
    });
    if (answer.status === 201) break;
    // The upload is busy, or the other request stored more in the meantime.
    if (![409, 416, 429].includes(answer.status) || performance.now() > endAt)
      return `${label}: the rest from ${offset} on was answered ${answer.status} ${await answer.text()}`;
    if (answer.status === 416 && end === 0) smallOffset = 1 - smallOffset;
    await Bun.sleep(200);
  }
  const stored = await (await client.call("GET", `/v2/${repository}/blobs/${digest}`)).bytes();
  return digestOf(stored) === digest ? undefined : `${label}: other bytes were stored`;
}

async function disturbedManifest(round: ScenarioRound, sockets: Socket[]): Promise<string | undefined> {
  const { url, client, random, repository } = round;
  const image = await client.makeImage(repository);
  const note = { annotations: { note: "x".repeat(random.pick([10, 100_000, 2_000_000])) } };
  const text = JSON.stringify({ ...image, ...note });
  for (let i = random.below(20); i > 0; i--) {
    const socket = await openConnection(url);
    sockets.push(socket);
    socket.write(
      `PUT /v2/${repository}/manifests/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${MediaType.ociManifest}\r\nContent-Length: ${text.length}\r\n\r\n`,
    );
    socket.write(text.slice(0, random.below(text.length)));
    if (random.oneIn(3)) socket.destroy();
  }
  const endAt = performance.now() + TAKEOVER_WITHIN_MS;
  for (;;) {
    const { status } = await client.putManifest(repository, "honest", text);
    if (status === 201) break;
    if (status !== 429 || performance.now() > endAt)
      return `a manifest beside slow ones was answered ${status}`;
    await Bun.sleep(200);
  }
  const slow = await client.call("GET", `/v2/${repository}/manifests/slow`);
  return slow.status === 404 ? undefined : `a manifest that never arrived was answered ${slow.status}`;
}

/** Reads a blob beside readers that hang, read slowly or disconnect, and checks what the slow ones got. */
async function disturbedRead(round: ScenarioRound, sockets: Socket[]): Promise<string | undefined> {
  const { url, client, random, repository } = round;
  const content = Buffer.from(random.bytes(1 + random.below(random.pick([2000, 4_000_000]))));
  const { digest } = await client.pushBlob(repository, content);
  const path = `/v2/${repository}/blobs/${digest}`;
  const dripping: Promise<Buffer>[] = [];
  for (let i = random.below(READERS + 1); i > 0; i--) {
    const socket = await openConnection(url);
    sockets.push(socket);
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const behaviour = random.pick(["hang", "cut", "drip", "drip"]);
    if (behaviour === "cut") setTimeout(() => socket.destroy(), random.below(100));
    if (behaviour === "drip") dripping.push(readWithPauses(socket, random.fork()));
  }
  const honest = await (await client.call("GET", path)).bytes();
  if (!content.equals(honest)) return "other bytes were read beside slow readers";
  for (const answer of await Promise.all(dripping)) {
    const body = answer.subarray(answer.indexOf("\r\n\r\n") + 4);
    if (!body.equals(content)) return `a dripping reader got ${body.length} of ${content.length} bytes`;
  }
  return undefined;
}

/** Everything the server sends until it closes the connection, read with a few pauses. */
async function readWithPauses(socket: Socket, random: Random): Promise<Buffer> {
  const received: Buffer[] = [];
  let pauses = random.below(10);
  const resume = () => void setTimeout(() => socket.resume(), 20 + random.below(100));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("data", (chunk: Buffer) => {
    received.push(chunk);
    if (pauses-- > 0) {
      socket.pause();
      resume();
    }
  });
  socket.pause();
  resume();
  await closed;
  return Buffer.concat(received);
}
