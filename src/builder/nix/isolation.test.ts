import { afterAll, beforeAll, describe, expect, it, setDefaultTimeout } from "bun:test";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import {
  HAS_NIX,
  HOST_SHELL,
  makeRemovable,
  openNixSource,
  type TestSource,
} from "../../../test/support/nix.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { type TemporaryFolder, temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { parseTag } from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import type { StepContext } from "../package-source.ts";

const HOSTILE_SET = join(import.meta.dir, "../../../test/support/hostile-set");
const AMD64 = { os: "linux", architecture: "amd64" };
/** A text that no image and no answer may contain. */
const SECRET = randomUUID();

setDefaultTimeout(300_000);

function context(): StepContext {
  return { progress: () => {}, signal: new AbortController().signal };
}

interface Failure {
  readonly message: string;
  readonly packages: readonly { readonly name: string; readonly reason: string }[];
}

async function failureOf({ source }: TestSource, name: string): Promise<Failure> {
  try {
    await using _ = await source.resolve(source.read([name], parseTag("latest"), AMD64), context());
  } catch (error) {
    if (!(error instanceof RegistryError) || error.fault !== "build-failed") throw error;
    const message = `${error.message} ${JSON.stringify(error.detail)}`;
    return { message, ...(error.detail as Pick<Failure, "packages">) };
  }
  throw new Error(`${name} was built`);
}

/** The text in an image's layers, line by line. */
async function contentOf({ source }: TestSource, name: string): Promise<readonly string[]> {
  const request = source.read([name], parseTag("latest"), AMD64);
  await using resolution = await source.resolve(request, context());
  const { signal } = context();
  await using held = await resolution.hold(resolution.parts, context());
  const layers = resolution.parts.map((part) => held.layer([part], signal));
  for (const layer of resolution.derivedLayers) layers.push(layer.make([], context()));
  const texts = layers.map(async ({ archive }) => Buffer.concat(await Array.fromAsync(archive)).toString());
  return (await Promise.all(texts)).join("\0").split(/[\0\n]+/);
}

describeWith("a hostile package set", HAS_NIX, "nix is not installed", () => {
  let folder: TemporaryFolder;
  let tested: TestSource;
  let requests = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => {
      requests += 1;
      return new Response(SECRET);
    },
  });

  /** Facts about this host that the set gets as arguments. */
  const known = () => ({ port: server.port, secret: join(folder.path, "beside/secret") });
  const open = (name: string, maxJobs: number) =>
    openNixSource(join(folder.path, name), {
      path: HOSTILE_SET,
      arguments: known(),
      maxJobs,
      include: [],
    });

  beforeAll(async () => {
    folder = await temporaryFolder("isolation");
    await Bun.write(known().secret, `"${SECRET}"`);
    process.env.SLIPWAY_TEST_SECRET = SECRET;
    tested = await open("nix", 2);
  });
  afterAll(async () => {
    delete process.env.SLIPWAY_TEST_SECRET;
    await tested[Symbol.asyncDispose]();
    await server.stop(true);
    await makeRemovable(folder.path);
    await folder[Symbol.asyncDispose]();
  });

  describe("while it is evaluated", () => {
    it.each([
      ["readsfile", /is forbidden in restricted mode/],
      ["readsfolder", /is forbidden in restricted mode/],
      ["copiesfile", /is forbidden in restricted mode/],
      ["addsfile", /is forbidden in restricted mode/],
      ["importsfile", /is forbidden in restricted mode/],
      ["findsfile", /is forbidden in restricted mode/],
      ["fetchesurl", /is forbidden in restricted mode/],
      ["fetchestarball", /is forbidden in restricted mode/],
      ["fetchesgit", /is forbidden in restricted mode/],
      ["fetchestree", /experimental Nix feature|attribute 'fetchTree' missing/],
      ["buildsmeanwhile", /allow-import-from-derivation/],
      ["runsprogram", /attribute 'exec' missing/],
      ["importsnative", /attribute 'importNative' missing/],
    ])("is refused when it %s", async (name, reason) => {
      const asked = requests;
      const { message, packages } = await failureOf(tested, name);
      expect(packages).toEqual([{ name, reason: expect.stringMatching(reason) }]);
      expect(message).not.toContain(SECRET);
      expect(message).not.toContain(folder.path);
      expect(requests).toBe(asked);
    });

    it("sees no more of the folders above it than the way to it", async () => {
      const seen = await contentOf(tested, "listsabove").catch((error: unknown) => [JSON.stringify(error)]);
      const found = seen.filter((line) => /^listed=|forbidden in restricted mode/.test(line));
      // Nix 2.8 refuses it.
      expect(found).toEqual([expect.stringMatching(/^listed=\{"nix":"directory"\}$|is forbidden/)]);
    });

    it("sees no variable of this host", async () => {
      const lines = await contentOf(tested, "readsenvironment");
      expect(lines.filter((line) => line.startsWith("home="))).toEqual(["home= path= key="]);
    });
  });

  describe("while its packages are built", () => {
    it.each([
      ["leavessandbox", "leaves-sandbox", /__noChroot/],
      ["readsinbuild", "reads-in-build", /failed with exit code/],
      ["connects", "connects", /failed with exit code/],
    ])("is refused when it %s", async (attribute, name, reason) => {
      const asked = requests;
      const { message, packages } = await failureOf(tested, attribute);
      expect(packages).toEqual([{ name, reason: expect.stringMatching(reason) }]);
      expect(message).not.toContain(SECRET);
      expect(requests).toBe(asked);
    });

    it("sees nothing of this host but what the settings show it", async () => {
      const lines = await contentOf(tested, "lists");
      const from = lines.indexOf("begin");
      const listed = lines.slice(from + 1, lines.indexOf("end", from));
      const top = listed.slice(0, listed.indexOf("tmp:"));
      // The sandbox's own folders, and those of the setting `sandboxPaths`.
      const own = ["build", "dev", "etc", "nix", "proc", "tmp"];
      const shown = HOST_SHELL.map((path) => path.slice(1));
      expect(top.toSorted()).toEqual([...new Set([...own, ...shown])].toSorted());
      expect(listed.slice(top.length)).toEqual(["tmp:", "user:", "1000", "processes:"]);
    });

    it("reaches servers of this host by what it declares as a download, where it may build", async () => {
      // No setting of Nix prevents this, so it is documented. The next test shows what does prevent it.
      const asked = requests;
      await failureOf(tested, "downloads");
      expect(requests).toBe(asked + 1);
    });

    it("runs nothing where nothing may be built, downloads neither", async () => {
      await using careful = await open("careful", 0);
      const asked = requests;
      for (const name of ["downloads", "fetches", "lists"]) {
        const { packages } = await failureOf(careful, name);
        expect(packages.map((one) => one.name)).toEqual([name]);
      }
      expect(requests).toBe(asked);
    });
  });
});
