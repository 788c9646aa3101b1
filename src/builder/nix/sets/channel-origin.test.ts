import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  setDefaultTimeout,
} from "bun:test";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failureOf, ReleaseServer } from "../../../../test/support/channel-releases.ts";
import { mustRun } from "../../../../test/support/command.ts";
import { HAS_NIX, makeRemovable } from "../../../../test/support/nix.ts";
import { openNixStore, testRunner } from "../../../../test/support/nix-store.ts";
import { describeWith } from "../../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../../test/support/temporary-folder.ts";
import type { NixStore } from "../store/nix-store.ts";
import { ChannelOrigin } from "./channel-origin.ts";
import { FolderOrigin } from "./folder-origin.ts";

setDefaultTimeout(120_000);

const SIGNAL = new AbortController().signal;
const COMMIT = "0123456789abcdef0123456789abcdef01234567";

describeWith("package sets in channels", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let store: NixStore;
  /** Two states of a set, and the store path of each. */
  const tarballs: Uint8Array[] = [];
  const paths: string[] = [];
  let releases: ReleaseServer;

  beforeAll(async () => {
    folder = await temporaryFolder("channel-origin");
    store = openNixStore(join(folder.path, "nix"));
    for (const state of ["1", "2"]) {
      const set = join(folder.path, state, "nixos-1");
      await mkdir(set, { recursive: true });
      await writeFile(join(set, "default.nix"), `{ state = ${state}; }`);
      await writeFile(join(set, ".git-revision"), COMMIT);
      const tarball = join(folder.path, `${state}.tar.gz`);
      await mustRun(["tar", "-czf", tarball, "-C", join(folder.path, state), "nixos-1"]);
      tarballs.push(await Bun.file(tarball).bytes());
      const same = new FolderOrigin(set);
      paths.push(await same.place(await same.find("latest", SIGNAL), store, SIGNAL));
    }
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

  function tarball(state: number, headers: Readonly<Record<string, string>> = {}): () => Response {
    return () => new Response(tarballs[state - 1], { headers });
  }

  function open(url: string): ChannelOrigin {
    return new ChannelOrigin({ channel: "small", url }, store);
  }

  describe("on a web server that redirects to releases", () => {
    beforeEach(() => {
      releases.answers.set("/small/x.tar", "/release/1");
      releases.answers.set("/release/1", tarball(1, { etag: '"one"' }));
      releases.answers.set("/release/2", tarball(2, { etag: '"two"' }));
    });

    it("are the release that the channel leads to, without downloading it", async () => {
      const origin = open(`${releases.address}/{channel}/x.tar`);
      const revision = await origin.find("latest", SIGNAL);
      const url = `${releases.address}/release/1`;
      expect(revision.lock).toEqual({ kind: "channel", channel: "small", url });
      expect(revision.id).toContain(url);
      expect(revision.pinned).toBe(false);
      expect(await origin.find("latest", SIGNAL)).toEqual(revision);
      expect(releases.methods("/release/1")).toEqual(["HEAD", "HEAD"]);
    });

    it("are placed as a folder with the same files would be", async () => {
      const origin = open(`${releases.address}/{channel}/x.tar`);
      const revision = await origin.find("latest", SIGNAL);
      expect(await origin.place(revision, store, SIGNAL)).toBe(paths[0] ?? "");
      expect(releases.methods("/release/1")).toEqual(["HEAD", "GET"]);
    });

    it("have another revision when the channel has moved, and the old one can still be placed", async () => {
      const origin = open(`${releases.address}/{channel}/x.tar`);
      const old = await origin.find("latest", SIGNAL);
      releases.answers.set("/small/x.tar", `${releases.address}/release/2`);
      const now = await origin.find("latest", SIGNAL);
      expect(now.id).not.toBe(old.id);
      expect(await origin.place(now, store, SIGNAL)).toBe(paths[1] ?? "");
      expect(await origin.place(old, store, SIGNAL)).toBe(paths[0] ?? "");
    });

    it("are read through an address with a secret in it, which nothing shows", async () => {
      releases.answers.set("/small/x.tar", "/release/3?signature=s3cret");
      releases.answers.set("/release/3?signature=s3cret", tarball(2, { etag: '"three"' }));
      const origin = open(`${releases.address}/{channel}/x.tar`);
      const revision = await origin.find("latest", SIGNAL);
      expect(JSON.stringify(revision)).not.toContain("s3cret");
      expect(await origin.place(revision, store, SIGNAL)).toBe(paths[1] ?? "");
    });

    it("are not read if the redirects do not end, or lead elsewhere than to the web", async () => {
      for (const [location, reason] of [
        ["/small/x.tar", "more than 10 times"],
        ["file:///etc/passwd", "not safe"],
        ["http://[", "not safe"],
      ] as const) {
        releases.answers.set("/small/x.tar", location);
        const failure = await failureOf(open(`${releases.address}/{channel}/x.tar`).find("latest", SIGNAL));
        expect(failure).toMatchObject({
          fault: "build-unavailable",
          message: expect.stringContaining(reason),
        });
      }
    });

    it("get the channel's credentials only at its own origin", async () => {
      const other = new ReleaseServer();
      other.answers.set("/release", tarball(1, { etag: '"one"' }));
      releases.answers.set("/small/x.tar", `${other.address}/release`);
      const withUser = releases.address.replace("://", "://us%40er:pass%20word@");
      const origin = open(`${withUser}/{channel}/x.tar?token=s3cret`);
      releases.answers.set("/small/x.tar?token=s3cret", `${other.address}/release`);
      const revision = await origin.find("latest", SIGNAL);
      expect(await origin.place(revision, store, SIGNAL)).toBe(paths[0] ?? "");
      expect(releases.requests[0]?.authorization).toBe(`Basic ${btoa("us@er:pass word")}`);
      expect(new Set(other.requests.map(({ authorization }) => authorization))).toEqual(new Set([null]));
      await other.server.stop(true);
      const failure = await failureOf(origin.find("latest", SIGNAL));
      for (const shown of [origin.id, JSON.stringify(revision), Bun.inspect(failure)]) {
        expect(shown).not.toMatch(/s3cret|us%40er|us@er|pass/);
      }
      expect(origin.id).not.toBe(open(`${withUser}/{channel}/x.tar?token=other`).id);
    });
  });

  describe("on a web server that does not redirect", () => {
    it.each([
      ["etag", '"one"', '"two"'],
      ["last-modified", "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"],
    ])("have another revision when %s is another one", async (header, first, second) => {
      releases.answers.set("/small", tarball(1, { [header]: first }));
      const origin = open(`${releases.address}/{channel}`);
      const old = await origin.find("latest", SIGNAL);
      expect(await origin.place(old, store, SIGNAL)).toBe(paths[0] ?? "");
      expect(await origin.find("latest", SIGNAL)).toEqual(old);
      releases.answers.set("/small", tarball(2, { [header]: second }));
      const now = await origin.find("latest", SIGNAL);
      expect(now.id).not.toBe(old.id);
      expect(releases.methods("/small")).toEqual(["HEAD", "GET", "HEAD", "HEAD"]);
      const failure = await failureOf(origin.place(old, store, SIGNAL));
      expect(failure).toMatchObject({
        fault: "build-unavailable",
        message: expect.stringContaining("has changed in the meantime"),
      });
      expect(await origin.place(now, store, SIGNAL)).toBe(paths[1] ?? "");
    });

    it("have another revision when the content is another one, if the server says nothing", async () => {
      releases.answers.set("/small", tarball(1));
      const origin = open(`${releases.address}/{channel}`);
      const old = await origin.find("latest", SIGNAL);
      expect(await origin.find("latest", SIGNAL)).toEqual(old);
      expect(await origin.place(old, store, SIGNAL)).toBe(paths[0] ?? "");
      releases.answers.set("/small", tarball(2));
      expect((await origin.find("latest", SIGNAL)).id).not.toBe(old.id);
    });
  });

  describe("that Nix fetches", () => {
    it("are the content of the tarball, with the commit that is noted in it", async () => {
      const file = join(folder.path, "channel.tar.gz");
      await writeFile(file, tarballs[0] ?? "");
      const origin = open(`file://${file}`);
      const old = await origin.find("latest", SIGNAL);
      expect(old.lock).toEqual({ kind: "channel", channel: "small", revision: COMMIT });
      expect(await origin.find("latest", SIGNAL)).toEqual(old);
      expect(await origin.place(old, store, SIGNAL)).toBe(paths[0] ?? "");
      await writeFile(`${file}.new`, tarballs[1] ?? "");
      await rename(`${file}.new`, file);
      const now = await origin.find("latest", SIGNAL);
      expect(now.id).not.toBe(old.id);
      expect(await origin.place(now, store, SIGNAL)).toBe(paths[1] ?? "");
      expect(await origin.place(old, store, SIGNAL)).toBe(paths[0] ?? "");
      const other = openNixStore(join(folder.path, "other"));
      expect((await failureOf(origin.place(old, other, SIGNAL))).message).toContain(
        "has changed in the meantime",
      );
      // Nix would use the tarball that it fetched before.
      await rm(file);
      const failure = await failureOf(origin.find("latest", SIGNAL));
      expect(failure).toMatchObject({ fault: "build-unavailable" });
      expect(failure.message).not.toContain(folder.path);
    });

    it("are asked for where Nix knows a channel to be", async () => {
      const asked = Promise.withResolvers<string>();
      const proxy = Bun.listen({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          data(socket, bytes) {
            asked.resolve(bytes.toString().split("\r\n")[0] ?? "");
            socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
          },
        },
      });
      const runner = testRunner({
        ...process.env,
        https_proxy: `http://127.0.0.1:${proxy.port}`,
        no_proxy: "",
      });
      const origin = new ChannelOrigin({ channel: "small" }, openNixStore(join(folder.path, "nix"), runner));
      const failure = await failureOf(origin.find("latest", SIGNAL));
      expect(failure).toMatchObject({
        fault: "build-unavailable",
        message: expect.stringContaining("the channel small cannot be read: "),
      });
      expect(await asked.promise).toMatch(/^CONNECT \S+:443 HTTP/);
      expect(origin.id).toBe("channel channel:small");
      proxy.stop(true);
    });
  });
});
