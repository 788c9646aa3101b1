import { afterEach, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pino from "pino";
import { createDebianRepository, type DebianRepository } from "../../../test/support/debian-repository.ts";
import { servePackages } from "../../../test/support/package-mirror.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { HAS_APT } from "../../../test/support/small-distribution.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import type { BuildProgress } from "../build-progress.ts";
import { factsFinisher } from "../debian/facts-finisher.ts";
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
const PACKAGES = [
  { name: "program", fields: { Depends: "lib++x" }, hasFile: true },
  { name: "lib++x", version: "1:1~x+b", hasFile: true },
];

describeWith("the packages that apt chose", HAS_APT, "no apt", () => {
  let folder: TemporaryFolder;
  let repository: DebianRepository;
  let logged: string[] = [];
  /** The package files that mirrors were asked for. */
  let asked: string[] = [];

  beforeEach(async () => {
    [logged, asked] = [[], []];
    folder = await temporaryFolder("listed-packages");
    repository = await createDebianRepository(folder.path);
    await repository.publish(PACKAGES);
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  /** A mirror, which notes what it is asked for; `answer` may answer for a package file. */
  const serve = (answer: (path: string, request: Request) => Response | undefined) =>
    servePackages(repository.folder, (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path.endsWith(".deb")) asked.push(path);
      return answer(path, request);
    });
  /** Resolves and holds the packages, whose sources are at `addresses`. Resolves to what was reported. */
  const hold = async (...addresses: readonly string[]) => {
    const sourcesFile = join(folder.path, "sources.list");
    await writeFile(sourcesFile, addresses.map((one) => `deb [trusted=yes] ${one} ./\n`).join(""));
    const log = pino({ level: "debug" }, { write: (line) => void logged.push(line) });
    const runner = new CommandRunner({ environment: { ...process.env, no_proxy: "127.0.0.1" }, log });
    const rules = { alwaysIncluded: [], essential: false, refreshListsSeconds: 86_400 };
    // apt waits between attempts.
    const extraConfiguration = 'Acquire::Retries "0";';
    const options = { ...rules, stateFolder: join(folder.path, "state"), sourcesFile, extraConfiguration };
    const source = new AptSource(options, { runner, finisher: factsFinisher, log });
    const events: BuildProgress[] = [];
    const { signal } = new AbortController();
    const context = { progress: (event: BuildProgress) => void events.push(event), signal };
    await using resolution = await source.resolve(REQUEST, context);
    await using held = await resolution.hold(resolution.parts, context);
    await Array.fromAsync(held.layer(resolution.parts, signal).archive, (chunk) => chunk.length);
    return events.flatMap((event) => (event.kind === "download" ? [event.doneBytes / event.totalBytes] : []));
  };

  it("are downloaded without reading the lists again", async () => {
    await using server = serve(() => undefined);
    const done = await hold(`http://127.0.0.1:${server.port}`);
    expect(done.at(-1)).toBe(1);
    expect(asked.toSorted()).toEqual(["/lib++x_1%3a1~x+b.deb", "/program_1.deb"]);
    expect(logged.join("")).not.toContain('"download"');
  });

  it("come from another mirror if the first has not all of them, and progress never goes back", async () => {
    await using first = serve((path) =>
      path.startsWith("/program") ? new Response(null, { status: 404 }) : undefined,
    );
    await using second = serve(() => undefined);
    const done = await hold(`http://127.0.0.1:${first.port}`, `http://127.0.0.1:${second.port}`);
    expect(done).toEqual(done.toSorted((one, other) => one - other));
    expect(done.at(-1)).toBe(1);
    expect(asked.filter((path) => path.startsWith("/lib++x")).length).toBe(1);
  });

  it("come from another mirror if the first has other bytes", async () => {
    await using first = serve((path) => (path.startsWith("/program") ? new Response("other") : undefined));
    await using second = serve(() => undefined);
    expect((await hold(`http://127.0.0.1:${first.port}`, `http://127.0.0.1:${second.port}`)).at(-1)).toBe(1);
  });

  it("come from a mirror that asks for a password, which is in no command line", async () => {
    const credentials = `Basic ${btoa("some one:p@ss")}`;
    await using server = serve((_, { headers }) =>
      headers.get("authorization") === credentials ? undefined : new Response(null, { status: 401 }),
    );
    expect((await hold(`http://some%20one:p%40ss@127.0.0.1:${server.port}`)).at(-1)).toBe(1);
    expect(logged.join("")).not.toContain("p%40ss");
  });
});
