import { afterAll, beforeAll, expect, it } from "bun:test";
import type { Socket } from "node:net";
import { join } from "node:path";
import { isRepositoryName } from "../../src/oci/repository-name.ts";
import { installed } from "../support/command.ts";
import { createDebianRepository, type TestPackage } from "../support/debian-repository.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { describeWith } from "../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

const BUILDABLE = ["tiny", "lib-c", "fresh-alone", "fresh-200", "fresh-1500", "modest"];
const STUCK_COUNT = 60;
/**
 * `lib.c`, as a regular expression, means two packages that cannot be installed together. Each `stuckN` needs a package that is not there, so apt has to find out that it
 * cannot be installed.
 */
const PACKAGES: readonly TestPackage[] = [
  ...BUILDABLE.map((name) => ({ name, hasFile: true })),
  { name: "libxc", fields: { Conflicts: "lib-c" } },
  ...numbers(STUCK_COUNT).map((i) => ({ name: `stuck${i}`, fields: { Depends: "not-there" } })),
];
/** How much longer a pull may take beside a burst, on a busy machine: three times as long, and this long. */
const DELAY_MS = 2_000;

/** What tells a client that an image cannot be pulled. */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly detail?: { readonly packages?: readonly string[] };
}

/** Sends one request; resolves to the first packet of the answer, and closes the connection. */
async function send(socket: Socket, head: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (data) => resolve(data.toString("latin1")));
  socket.once("close", () => resolve("closed"));
  socket.write(`${head} HTTP/1.1\r\nHost: registry\r\n\r\n`);
  const answer = await promise;
  socket.destroy();
  return answer;
}

/** Sends one request over a connection of its own, from an address of its own if one is given. */
async function ask(url: string, head: string, localAddress?: string): Promise<string> {
  return await send(await openConnection(url, localAddress), head);
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
const path = (name: string) => `/v2/apt/${name}/manifests/latest`;

describeWith("a registry that builds images from a small repository", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let variables: Readonly<Record<string, string>>;
  let server: ServerProcess;
  let client: RegistryClient;

  beforeAll(async () => {
    folder = await temporaryFolder("build-requests-api");
    const repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
    variables = {
      SLIPWAY_BUILDER_APT_SOURCES_FILE: repository.sourcesFile,
      SLIPWAY_BUILDER_APT_ESSENTIAL: "false",
      SLIPWAY_BUILDER_APT_INCLUDE: "[]",
    };
    server = await startServerProcess(join(folder.path, "data"), variables);
    client = new RegistryClient(server);
    await pull("tiny");
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Pulls an image whole, building it first if nobody did; resolves to how long that took, in milliseconds. */
  const pull = async (name: string): Promise<number> => {
    const startedAt = performance.now();
    const response = await client.call("GET", path(name));
    expect(response.status).toBe(200);
    type Blob = { readonly digest: string };
    const { config, layers } = (await response.json()) as { config: Blob; layers: readonly Blob[] };
    for (const { digest } of [config, ...layers]) {
      const blob = await client.call("GET", `/v2/apt/${name}/blobs/${digest}`);
      expect(blob.status).toBe(200);
      await blob.arrayBuffer();
    }
    return performance.now() - startedAt;
  };

  it("delays others barely when a client asks for many unknown names at once", async () => {
    const storedAlone = await pull("tiny");
    const builtAlone = await pull("fresh-alone");
    for (const count of [200, 1500]) {
      const sockets = await Promise.all(numbers(count).map(() => openConnection(server.url)));
      const burst = sockets.map((socket, i) => send(socket, `HEAD ${path(`missing-${count}-${i}`)}`));
      // By the first answer, the server has the others' requests.
      await Promise.race(burst);
      const [stored, built] = await Promise.all([pull("tiny"), pull(`fresh-${count}`)]);
      const statuses = (await Promise.all(burst)).map(statusOf);
      expect(new Set(statuses)).toEqual(new Set([404]));
      expect(stored).toBeLessThan(3 * storedAlone + DELAY_MS);
      expect(built).toBeLessThan(3 * builtAlone + DELAY_MS);
    }
  }, 60_000);

  it("knows a package by its exact name, whatever characters a name holds", async () => {
    const names = new Set([
      "lib.c",
      "l.b",
      "a.e",
      "a.b",
      "a-b",
      "a_b",
      "a__b",
      "a--b",
      "0",
      "7zip",
      "0.0",
      "1-a",
    ]);
    const alphabet = [..."abcdefghijklmnopqrstuvwxyz0123456789._-", "__", "--"];
    for (const known of ["tiny", "lib-c"]) {
      for (const place of numbers(known.length + 1)) {
        for (const text of alphabet) {
          names.add(known.slice(0, place) + text + known.slice(place));
          names.add(known.slice(0, place) + text + known.slice(place + 1));
        }
      }
    }
    for (const { name } of PACKAGES) names.delete(name);
    let unknownCount = 0;
    for (const name of names) {
      const response = await client.call("GET", path(name));
      const { errors } = (await response.json()) as { readonly errors: readonly WireError[] };
      const { code, message, detail } = errors[0] as WireError;
      if (!isRepositoryName(`apt/${name}`)) {
        expect([name, response.status, code]).toEqual([name, 400, "NAME_INVALID"]);
        continue;
      }
      unknownCount += 1;
      expect([name, response.status, code]).toEqual([name, 404, "MANIFEST_UNKNOWN"]);
      expect(message).toBeOneOf([`no such package: ${name}`, `no package can be called ${name}`]);
      expect(detail).toEqual({ packages: [name] });
    }
    expect(unknownCount).toBeGreaterThan(300);
  }, 60_000);

  it("refuses builds beyond its bounds with 429, and lets clients take turns", async () => {
    await using small = await startServerProcess(join(folder.path, "small"), {
      ...variables,
      SLIPWAY_BUILDER_PARALLEL_BUILDS: "1",
      SLIPWAY_BUILDER_MAX_WAITING_PER_CLIENT: "20",
    });
    expect(statusOf(await ask(small.url, `GET ${path("tiny")}`))).toBe(200);
    const answered: number[] = [];
    const greedy = numbers(STUCK_COUNT).map(async (i) => {
      const answer = await ask(small.url, `GET ${path(`stuck${i}`)}`);
      const status = statusOf(answer);
      answered.push(status);
      if (status !== 429) return;
      expect(answer).toMatch(/\r\nretry-after: \d+\r\n/i);
      expect(answer).toContain("TOOMANYREQUESTS");
    });
    while (!answered.includes(429)) await Bun.sleep(1);
    // Stored images do not wait, not even for the client whose builds do.
    expect(statusOf(await ask(small.url, `GET ${path("tiny")}`))).toBe(200);
    const before = answered.filter((status) => status === 404).length;
    expect(statusOf(await ask(small.url, `GET ${path("modest")}`, "127.0.0.2"))).toBe(200);
    const overtaken = answered.filter((status) => status === 404).length - before;
    await Promise.all(greedy);
    expect(overtaken).toBeLessThan(8);
    const built = answered.filter((status) => status === 404).length;
    expect(built).toBeGreaterThanOrEqual(20);
    expect(answered.filter((status) => status === 429)).toHaveLength(STUCK_COUNT - built);
  }, 60_000);
});
