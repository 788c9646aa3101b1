import { afterAll, beforeAll, expect, it, setDefaultTimeout } from "bun:test";
import type { Socket } from "node:net";
import { join } from "node:path";
import { isRepositoryName } from "../../src/oci/repository-name.ts";
import { installed } from "../support/command.ts";
import { createDebianRepository, type TestPackage } from "../support/debian-repository.ts";
import { eventually } from "../support/eventually.ts";
import { holdLists } from "../support/held-lists.ts";
import { openConnection } from "../support/raw-http.ts";
import { RegistryClient } from "../support/registry-client.ts";
import { describeWith } from "../support/requirements.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

const HAS_APT = installed("apt-get", "apt-cache", "dpkg-deb", "flock");
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

const ARCHITECTURE = process.arch === "arm64" ? "arm64" : "amd64";
const BUILDABLE = ["tiny", "lib-c", "alone", "crowded"];
const STUCK_COUNT = 90;
/**
 * As a regular expression, `lib.c` matches two packages that cannot be installed together. Each `stuckN` needs a
 * missing package, so apt must find out that it cannot be installed.
 */
const PACKAGES: readonly TestPackage[] = [
  ...BUILDABLE.map((name) => ({ name, hasFile: true })),
  { name: "libxc", fields: { Conflicts: "lib-c" } },
  ...numbers(STUCK_COUNT).map((i) => ({ name: `stuck${i}`, fields: { Depends: "not-there" } })),
];

// A safety net for a busy machine.
setDefaultTimeout(120_000);

/** The error that tells a client that an image cannot be pulled. */
interface WireError {
  readonly code: string;
  readonly message: string;
  readonly detail?: { readonly packages?: readonly string[] };
}

/** Sends one request and closes the connection after the first packet of the answer, to which it resolves. */
async function send(socket: Socket, head: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.once("data", (data) => resolve(data.toString("latin1")));
  socket.once("close", () => resolve("closed"));
  socket.write(`${head} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const answer = await promise;
  socket.destroy();
  return answer;
}

/** Sends one request over a new connection, from `localAddress` if one is given. */
async function ask(url: string, head: string, localAddress?: string): Promise<string> {
  return await send(await openConnection(url, localAddress), head);
}

/** The commands that a server has started so far, according to its log. */
function commandsOf(server: ServerProcess): readonly string[] {
  const lines = server.output().split("\n");
  return lines.filter((line) => line.includes('"command started"'));
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
      // The tests count commands. Indexing for searches starts some of its own, a few seconds after the start.
      SLIPWAY_BUILDER_SEARCH: "false",
      SLIPWAY_LOG_LEVEL: "debug",
    };
    server = await startServerProcess(join(folder.path, "data"), variables);
    client = new RegistryClient(server);
    await pull("tiny");
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  const workspace = (data: string) => join(folder.path, data, "apt", ARCHITECTURE);

  /** Pulls an image completely; the server builds it first if needed. */
  const pull = async (name: string): Promise<void> => {
    const response = await client.call("GET", path(name));
    expect(response.status).toBe(200);
    type Blob = { readonly digest: string };
    const { config, layers } = (await response.json()) as { config: Blob; layers: readonly Blob[] };
    for (const { digest } of [config, ...layers]) {
      const blob = await client.call("GET", `/v2/apt/${name}/blobs/${digest}`);
      expect(blob.status).toBe(200);
      await blob.arrayBuffer();
    }
  };

  /** Resolves once the server has logged the end of the build. */
  const built = async (name: string) => {
    const isEnd = (line: string) => line.includes('"image built"') && line.includes(`"apt/${name}"`);
    await eventually(() => server.output().split("\n").some(isEnd));
  };

  it("pulls and builds as ever while a client asks for many unknown names, for which it starts nothing", async () => {
    await built("tiny");
    const startedFirst = commandsOf(server).length;
    await pull("alone");
    await built("alone");
    const startedBefore = commandsOf(server).length;
    await using lists = await holdLists(workspace("data"));
    const building = pull("crowded");
    await eventually(() => commandsOf(server).length !== startedBefore);
    const sockets = await Promise.all(numbers(1500).map(() => openConnection(server.url)));
    const burst = sockets.map((socket, i) => send(socket, `HEAD ${path(`missing-${i}`)}`));
    // When the first is answered, the server has received all of them.
    await Promise.race(burst);
    await pull("tiny");
    expect(new Set((await Promise.all(burst)).map(statusOf))).toEqual(new Set([404]));
    // The build has started one command and waits for the lists.
    expect(commandsOf(server)).toHaveLength(startedBefore + 1);
    await lists[Symbol.asyncDispose]();
    await building;
    await built("crowded");
    expect(commandsOf(server).length - startedBefore).toBe(startedBefore - startedFirst);
  });

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
      // Two underscores are before a version.
      const spelled = name.replace("__", "=");
      const [plain = ""] = spelled.split("=");
      expect(message).toBeOneOf([`no such package: ${plain}`, `not a valid package name: ${spelled}`]);
      expect(detail).toBeOneOf([{ packages: [plain] }, { packages: [spelled] }]);
    }
    expect(unknownCount).toBeGreaterThan(300);
  });

  it("refuses builds beyond its bounds with 429, and lets clients take turns", async () => {
    await using small = await startServerProcess(join(folder.path, "small"), {
      ...variables,
      SLIPWAY_BUILDER_PARALLEL_BUILDS: "1",
      SLIPWAY_BUILDER_MAX_WAITING_PER_CLIENT: "20",
    });
    expect(statusOf(await ask(small.url, `GET ${path("tiny")}`))).toBe(200);
    await using lists = await holdLists(workspace("small"));
    const answered: number[] = [];
    const send = (names: readonly number[], localAddress: string) =>
      names.map(async (i) => {
        const answer = await ask(small.url, `GET ${path(`stuck${i}`)}`, localAddress);
        const status = statusOf(answer);
        answered.push(status);
        if (status !== 429) return;
        expect(answer).toMatch(/\r\nretry-after: \d+\r\n/i);
        expect(answer).toContain("TOOMANYREQUESTS");
      });
    const until = async (count: number) => {
      await eventually(() => answered.length >= count);
      expect(new Set(answered)).toEqual(new Set([429]));
    };
    // While one build runs and 20 wait for each client, the rest is refused.
    const greedy = send(numbers(60), "127.0.0.1");
    await until(39);
    // Stored images do not wait, not even for the client whose builds wait.
    expect(statusOf(await ask(small.url, `GET ${path("tiny")}`))).toBe(200);
    const modest = send(
      numbers(21).map((i) => 60 + i),
      "127.0.0.2",
    );
    await until(40);
    await lists[Symbol.asyncDispose]();
    await Promise.all([...greedy, ...modest]);
    expect(answered.slice(40)).toEqual(numbers(41).map(() => 404));
    const order = () => commandsOf(small).flatMap((line) => /"stuck(\d+)"/.exec(line)?.[1] ?? []);
    await eventually(() => order().length >= 41);
    const clients = order().map((i) => (Number(i) < 60 ? "greedy" : "modest"));
    expect(clients).toEqual(["greedy", ...numbers(20).flatMap(() => ["greedy", "modest"] as const)]);
  });
});
