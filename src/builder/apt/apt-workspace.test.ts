import { expect, it } from "bun:test";
import { rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { installed } from "../../../test/support/command.ts";
import { createDebianRepository } from "../../../test/support/debian-repository.ts";
import { describeWith } from "../../../test/support/requirements.ts";
import { temporaryFolder } from "../../../test/support/temporary-folder.ts";
import { createLogger } from "../../log.ts";
import { CommandRunner } from "../process/command-runner.ts";
import { AptWorkspace } from "./apt-workspace.ts";

const HAS_APT = installed("apt-get", "flock", "dpkg-deb");
/** A safety net. */
const LONG_MS = 60_000;

describeWith("an apt workspace", HAS_APT, "no apt", () => {
  it(
    "is prepared again after it could not be",
    async () => {
      await using parent = await temporaryFolder("apt-workspace");
      const folder = join(parent.path, "workspace");
      const log = createLogger("silent");
      const workspace = new AptWorkspace(
        { folder, architecture: "amd64", refreshListsSeconds: 60 },
        new CommandRunner({ environment: process.env, log }),
        log,
      );
      const ask = () => workspace.query(["apt-get", "--version"], AbortSignal.timeout(LONG_MS));
      await Bun.write(folder, "a file in the way");
      await expect(ask()).rejects.toThrow("ENOTDIR");
      await rm(folder);
      expect((await ask()).exitCode).toBe(0);
    },
    LONG_MS,
  );

  it(
    "keeps its lists when an update cannot even run",
    async () => {
      await using parent = await temporaryFolder("apt-workspace");
      const { sourcesFile } = await createDebianRepository(parent.path);
      const log = createLogger("silent");
      const open = (folder: string, environment: Readonly<Record<string, string | undefined>>) =>
        new AptWorkspace(
          { folder: join(parent.path, folder), architecture: "amd64", refreshListsSeconds: 0, sourcesFile },
          new CommandRunner({ environment, log }),
          log,
        );
      const signal = AbortSignal.timeout(LONG_MS);
      await open("filled", process.env).refreshLists(signal);
      await utimes(join(parent.path, "filled/lists-refreshed"), 1, 1);
      const helpless = { PATH: parent.path };
      expect(await open("filled", helpless).freshRevision()).toBeUndefined();
      expect(await open("filled", helpless).refreshLists(signal)).toBe(1000);
      await expect(open("empty", helpless).refreshLists(signal)).rejects.toThrow("cannot be started");
    },
    LONG_MS,
  );
});
