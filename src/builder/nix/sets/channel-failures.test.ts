import { afterAll, afterEach, beforeAll, beforeEach, expect, it, setDefaultTimeout } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { failureOf, ReleaseServer } from "../../../../test/support/channel-releases.ts";
import { freePort } from "../../../../test/support/free-port.ts";
import { HAS_NIX, makeRemovable } from "../../../../test/support/nix.ts";
import { openNixStore } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import type { NixStore } from "../store/nix-store.ts";
import { ChannelOrigin } from "./channel-origin.ts";

setDefaultTimeout(120_000);

const SIGNAL = new AbortController().signal;

describeWith("failures of package sets in channels", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let store: NixStore;
  let releases: ReleaseServer;

  beforeAll(async () => {
    folder = await temporaryFolder("channel-failures");
    store = openNixStore(join(folder.path, "nix"));
  });
  beforeEach(() => {
    releases = new ReleaseServer();
  });
  afterEach(async () => {
    await releases.server.stop(true);
    expect(await readdir(join(store.folders.cache, "channels")).catch(() => [])).toEqual([]);
  });
  afterAll(async () => {
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  function open(url: string): ChannelOrigin {
    return new ChannelOrigin({ channel: "small", url }, store);
  }

  it("of a channel that is not there have the status", async () => {
    const failure = await failureOf(open(`${releases.address}/none`).find("latest", SIGNAL));
    expect(failure.fault).toBe("build-unavailable");
    expect(failure.message).toBe(
      `the channel small cannot be read: ${releases.address}/none answers with status 404`,
    );
  });

  it("of a server that is down are reported", async () => {
    const failure = await failureOf(open(`http://127.0.0.1:${await freePort()}/x`).find("latest", SIGNAL));
    expect(failure).toMatchObject({
      fault: "build-unavailable",
      message: expect.stringMatching(/cannot be reached \(\w+\)$/),
    });
  });

  it("of a file that is not a tarball are reported, without a path", async () => {
    releases.answers.set("/small", () => new Response("no tarball", { headers: { etag: '"x"' } }));
    const origin = open(`${releases.address}/small`);
    const failure = await failureOf(origin.place(await origin.find("latest", SIGNAL), store, SIGNAL));
    expect(failure).toMatchObject({ fault: "build-unavailable" });
    expect(failure.message).not.toContain(folder.path);
  });

  it("of an interrupted download are reported", async () => {
    const broken = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.end('HTTP/1.1 200 OK\r\netag: "x"\r\ncontent-length: 1000\r\n\r\nbeginning');
        },
      },
    });
    const origin = open(`http://127.0.0.1:${broken.port}/small`);
    const id = `http://127.0.0.1:${broken.port}/small "x"`;
    const revision = { id, lock: { url: `http://127.0.0.1:${broken.port}/small` }, pinned: false };
    const failure = await failureOf(origin.place(revision, store, SIGNAL));
    expect(failure).toMatchObject({ message: expect.stringMatching(/cannot be reached \(\w+\)$/) });
    broken.stop(true);
  });

  it("of another tag than latest say that there is no other", async () => {
    for (const origin of [
      open(`${releases.address}/small`),
      new ChannelOrigin({ channel: "small" }, store),
    ]) {
      await expect(origin.find("v1", SIGNAL)).rejects.toMatchObject({ fault: "manifest-unknown" });
    }
    expect(releases.requests).toEqual([]);
  });

  it("end at once when no caller is left", async () => {
    const asked = Promise.withResolvers<void>();
    await using silent = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: () => {
        asked.resolve();
        return new Promise<Response>(() => {});
      },
    });
    const abort = new AbortController();
    const finding = open(`http://127.0.0.1:${silent.port}/x`).find("latest", abort.signal);
    finding.catch(() => {});
    await asked.promise;
    abort.abort(new Error("nobody waits"));
    await expect(finding).rejects.toThrow("nobody waits");
    await silent.stop(true);
  });
});
