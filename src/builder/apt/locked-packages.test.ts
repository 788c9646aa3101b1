import { afterEach, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { once } from "node:events";
import { readdir, rename, stat, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import pino from "pino";
import { createDebianRepository, type DebianRepository } from "../../../test/support/debian-repository.ts";
import { servePackages } from "../../../test/support/package-mirror.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { HAS_APT } from "../../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { BuildProgress } from "../build-progress.ts";
import { factsFinisher } from "../debian/facts-finisher.ts";
import type { Resolution } from "../package-source.ts";
import { CommandRunner } from "../process/command-runner.ts";
import { AptSource } from "./apt-source.ts";

// A safety net for a busy machine.
setDefaultTimeout(120_000);

const REQUEST = {
  packages: ["program"],
  platform: { os: "linux", architecture: "amd64" },
  revision: "latest",
};

/** `program` and the library it needs, which has all kinds of letters in the name of its file. */
function packages(version: string) {
  return [
    { name: "program", version, fields: { Depends: "lib++x" }, hasFile: true },
    { name: "lib++x", version: `1:${version}~x+b`, hasFile: true },
  ];
}

describeWith("the packages of a lock", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let inputs: Resolution["lockInputs"];
  let logged: string[] = [];

  /** The lock's packages, from apt's state in a folder of its own; `lines` are its sources. */
  const locked = async (state: string, ...lines: readonly string[]): Promise<Resolution> => {
    const sourcesFile = join(folder.path, `${state}.list`);
    await writeFile(sourcesFile, lines.map((line) => `deb [trusted=yes] ${line} ./\n`).join(""));
    return open(state, sourcesFile).resolveLocked(REQUEST, inputs);
  };
  /** Every command, with its parameters, is added to `logged`. */
  const open = (state: string, sourcesFile: string): AptSource => {
    const log = pino({ level: "debug" }, { write: (line) => void logged.push(line) });
    const runner = new CommandRunner({ environment: { ...process.env, no_proxy: "127.0.0.1" }, log });
    const rules = { alwaysIncluded: [], essential: false, refreshListsSeconds: 86_400 };
    // apt waits between attempts.
    const extraConfiguration = 'Acquire::Retries "0";';
    const stateFolder = join(folder.path, `state-${state}`);
    const options = { ...rules, stateFolder, sourcesFile, extraConfiguration };
    return new AptSource(options, { runner, finisher: factsFinisher, log });
  };
  /** Holds all packages. Resolves to what was reported meanwhile. */
  const hold = async (resolution: Resolution, signal = new AbortController().signal) => {
    const events: BuildProgress[] = [];
    const context = { progress: (event: BuildProgress) => void events.push(event), signal };
    await using _ = await resolution.hold(resolution.parts, context);
    return events;
  };
  const failureOf = async (work: Promise<unknown>): Promise<RegistryError> => {
    const failure = await work.catch((error: unknown) => error);
    if (failure instanceof RegistryError) return failure;
    throw new Error(`not refused: ${failure}`);
  };

  beforeEach(async () => {
    logged = [];
    folder = await temporaryFolder("locked-packages");
    repository = await createDebianRepository(folder.path);
    await repository.publish(packages("1"));
    const context = { progress: () => {}, signal: new AbortController().signal };
    const resolution = await open("first", repository.sourcesFile).resolve(REQUEST, context);
    inputs = resolution.lockInputs;
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  it("come from the lists or else from their old places, and progress never goes back", async () => {
    await repository.publish([...packages("2"), ...packages("1").slice(0, 1)]);
    // A space must not matter in addresses.
    await rename(repository.folder, join(folder.path, "a mirror"));
    const resolution = await locked("mixed", `file:${folder.path}/a%20mirror`);
    const events = await hold(resolution);
    const totalBytes = resolution.parts.reduce((sum, one) => sum + one.sizeBytes, 0);
    const done = events.map((event) => (event.kind === "download" ? event.doneBytes : -1));
    expect(done).toEqual(done.toSorted((one, other) => one - other));
    expect(events.at(-1)).toEqual({ kind: "download", doneBytes: totalBytes, totalBytes });
  });

  it("are copies of files on this host, which may change at any time", async () => {
    await repository.publish(packages("2"));
    const resolution = await locked("copies", `file:${repository.folder}`);
    const context = { progress: () => {}, signal: new AbortController().signal };
    await using _ = await resolution.hold(resolution.parts, context);
    const pool = join(folder.path, "state-copies", "pool");
    const found = await readdir(pool, { recursive: true, withFileTypes: true });
    const files = found.filter(({ name }) => name.endsWith(".deb"));
    expect(files.map((file) => file.isFile())).toEqual([true, true]);
  });

  it("come from a repository that asks for a password, which is in no command line", async () => {
    await repository.publish(packages("2"));
    const credentials = `Basic ${btoa("some one:p@ss")}`;
    const asked: string[] = [];
    await using server = servePackages(repository.folder, (request) => {
      asked.push(new URL(request.url).pathname);
      const isAllowed = request.headers.get("authorization") === credentials;
      return isAllowed ? undefined : new Response(null, { status: 401 });
    });
    await hold(await locked("secret", `http://some%20one:p%40ss@127.0.0.1:${server.port}`));
    expect(asked.filter((path) => path.includes("1.deb")).length).toBeGreaterThan(0);
    expect(logged.join("")).toContain("download-file");
    expect(logged.join("")).not.toContain("p%40ss");
  });

  it("come from the first repository that has them, although another one has other bytes", async () => {
    await repository.publish(packages("2"));
    const other = await createDebianRepository(folder.path, "other");
    const changed = packages("1").map((one) => ({ ...one, files: { "usr/share/other": "bytes" } }));
    await other.publish(changed);
    await hold(await locked("both", `file:${other.folder}`, `file:${repository.folder}`));
    const failure = await failureOf(hold(await locked("changed", `file:${other.folder}`)));
    const note = "(the sources have other bytes)";
    expect([failure.fault, failure.message]).toEqual([
      "package-unknown",
      `no source has these packages of the lock: lib++x=1:1~x+b ${note}, program=1 ${note}`,
    ]);
  });

  it("are not called lost while a repository cannot be asked, which happens once", async () => {
    await repository.publish(packages("2"));
    const asked: string[] = [];
    await using server = servePackages(repository.folder, (request) => {
      if (!request.url.endsWith(".deb")) return undefined;
      asked.push(request.url);
      return new Response(null, { status: 403 });
    });
    const mirror = `http://127.0.0.1:${server.port}`;
    const failure = await failureOf(hold(await locked("down", mirror)));
    expect([failure.fault, failure.message]).toEqual(["build-failed", "downloading the packages failed"]);
    expect(failure.detail).toEqual({
      reason: expect.stringContaining("403  Forbidden"),
      packages: ["lib++x=1:1~x+b", "program=1"],
    });
    expect(new Set(asked).size).toBe(1);
    // Another repository has them.
    await hold(await locked("one-down", mirror, `file:${repository.folder}`));
    await repository.removeFiles(packages("1").slice(0, 1));
    const half = await failureOf(hold(await locked("half-down", mirror, `file:${repository.folder}`)));
    expect([half.fault, half.detail]).toMatchObject(["build-failed", { packages: ["program=1"] }]);
  });

  it("are asked for elsewhere if their listed files are broken or gone", async () => {
    await using server = servePackages(repository.folder, (request) => {
      if (!request.url.endsWith(".deb")) return undefined;
      return request.url.includes("program") ? new Response("broken") : new Response(null, { status: 404 });
    });
    const mirror = `http://127.0.0.1:${server.port}`;
    const failure = await failureOf(hold(await locked("broken", mirror)));
    expect([failure.fault, failure.message]).toEqual([
      "package-unknown",
      "no source has these packages of the lock: lib++x=1:1~x+b, program=1 (the sources have other bytes)",
    ]);
    const archive = await createDebianRepository(folder.path, "archive");
    await archive.publish(packages("1"));
    await archive.publish([]);
    await hold(await locked("archived", mirror, `file:${archive.folder}`));
  });

  it("are asked for elsewhere, from their start, if a download of them broke off", async () => {
    const archive = await createDebianRepository(folder.path, "archive");
    await archive.publish(packages("1"));
    await archive.publish([]);
    await using server = createServer((socket) => {
      socket.once("data", async (request) => {
        const [, path = ""] = String(request).split(" ");
        const file = Bun.file(join(repository.folder, decodeURIComponent(path)));
        const isThere = await file.exists();
        const status = isThere ? "200 OK" : "404 Not Found";
        socket.write(
          `HTTP/1.1 ${status}\r\nContent-Length: ${isThere ? file.size : 0}\r\nConnection: close\r\n\r\n`,
        );
        socket.end(path.endsWith(".deb") ? "the start" : isThere ? await file.bytes() : "");
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const failure = await failureOf(hold(await locked("broken-off", mirror)));
    expect([failure.fault, failure.detail]).toMatchObject([
      "build-failed",
      { packages: ["lib++x=1:1~x+b", "program=1"] },
    ]);
    await hold(await locked("whole", mirror, `file:${archive.folder}`));
  });

  it("come from the places that newer lists name, if the lists are old", async () => {
    await repository.publish(packages("1").map((one) => ({ ...one, folder: "moved" })));
    await repository.removeFiles(packages("1"));
    const lists = join(folder.path, "state-first", "amd64", "lists-refreshed");
    const anHourEarlier = (await stat(lists)).mtimeMs / 1000 - 3600;
    await utimes(lists, anHourEarlier, anHourEarlier);
    await hold(await locked("first", `file:${repository.folder}`));
  });

  it("are no longer downloaded once nobody wants them", async () => {
    await repository.publish(packages("2"));
    const stop = new AbortController();
    await using server = servePackages(repository.folder, (request) => {
      if (!request.url.endsWith(".deb")) return undefined;
      stop.abort(new Error("nobody waits"));
      return new Response(new ReadableStream({ start: () => {} }));
    });
    const resolution = await locked("stopped", `http://127.0.0.1:${server.port}`);
    await expect(hold(resolution, stop.signal)).rejects.toThrow("nobody waits");
    const pool = join(folder.path, "state-stopped", "pool");
    const [own = ""] = await readdir(pool);
    expect(await readdir(join(pool, own))).toEqual([]);
  });
});
